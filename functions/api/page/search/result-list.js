// The results on the page: tiles in groups, the minimum match, copies, what was deleted.
// Depends on gallery, groups, state, text, tile and words.

import { $, button, el } from '../frame/dom.js';
import { navigate } from '../frame/state.js';
import { rememberImages } from '../gallery/gallery.js';
import { resultTile, setCopies, setRank } from '../pictures/tile.js';
import { number } from '../words/text.js';
import { words } from '../words/words.js';
import { GROUPS, groupOf, headline } from './groups.js';

/** @typedef {import('./groups.js').GroupName} GroupName */
/** @typedef {{ section: HTMLElement, grid: HTMLElement, size: HTMLElement, shown: number }} Group */

const MAX_BELOW = 8; // shown greyed out when no result reaches the minimum match

export class ResultList {
	/** @type {Item[]} */
	items = []; // copies behind their leaders
	/** @type {Map<GroupName, Group>} */
	groups = new Map();
	heading = el('h1', { tabindex: '-1' });
	note = el('p', { class: 'muted' });
	footer = el('div', { class: 'row foot' });
	counts = { matches: 0, all: 0, hiddenCopies: 0 };

	/**
	 * @param {ResultPage} page
	 * @param {{ canDelete: boolean, onCopies: (item: Item) => unknown, onMore: OnClick }} options
	 * @param {ResultList | null} before - whose pictures are shown again without loading
	 */
	constructor(page, options, before) {
		this.options = options;
		this.next = page.next;
		this.weakOpen = before?.weakOpen ?? false; // as the visitor chose
		for (const name of GROUPS) this.groups.set(name, this.#group(name));
		const images = new Map(
			before?.items.map(({ result, tile }) => [result.id, $('.picture img', tile)]),
		);
		this.#add(page.results, images);
		const sections = [...this.groups.values()].map(({ section }) => section);
		this.element = el('div', { class: 'results' }, this.heading, this.note, sections, this.footer);
	}

	get leaders() {
		return this.items.filter((item) => !item.leader);
	}

	// What a search for the next page continues.
	get page() {
		return { results: this.leaders.map(({ result }) => result), next: this.next };
	}

	// Take the next page in; returns its first new item.
	append(/** @type {ResultPage} */ { results, next }) {
		const [first] = this.#add(results.slice(this.leaders.length));
		this.next = next;
		return first;
	}

	// Hide what is below the minimum match. If that is everything, show the best of it greyed out.
	showMin(/** @type {number} */ min) {
		const reaches = (/** @type {SearchResult} */ { similarity }) =>
			similarity * 100 >= min - 0.0001;
		const leaders = this.leaders;
		const matches = leaders.filter(({ result }) => reaches(result)).length;
		const best = new Set(matches ? [] : nearest(leaders));
		let hiddenCopies = 0;
		for (const group of this.groups.values()) group.shown = 0;
		for (const item of this.items) {
			const { result } = item.leader ?? item;
			const shown = matches ? reaches(result) : best.has(item.leader ?? item);
			if (item.tile.hidden === shown) item.tile.hidden = !shown;
			item.tile.classList.toggle('below', !matches);
			if (!shown || item.leader) continue;
			this.#groupOf(item).shown += 1;
			if (!item.copies.length) hiddenCopies += result.hidden;
		}
		this.counts = { matches, all: leaders.length, hiddenCopies };
		this.#describe(min);
	}

	// Show copies next to the result that they are copies of.
	expand(/** @type {Item} */ leader, /** @type {SearchResult[]} */ copies) {
		leader.copies = copies.map((result) =>
			this.#item({ ...result, copyOf: leader.result.rank }, leader),
		);
		leader.tile.after(...leader.copies.map(({ tile }) => tile));
		this.items.splice(this.items.indexOf(leader) + 1, 0, ...leader.copies);
		this.#labelCopies(leader);
	}

	collapse(/** @type {Item} */ leader) {
		for (const { tile } of leader.copies) tile.remove();
		this.items = this.items.filter((item) => item.leader !== leader);
		leader.copies = [];
		this.#labelCopies(leader);
	}

	// Take out pictures that were deleted. Returns false if copies that were folded behind them have
	// to be searched for.
	remove(/** @type {string[]} */ ids) {
		const gone = new Set(ids);
		const removed = this.items.filter(({ result }) => gone.has(result.id));
		if (removed.some(({ leader, result }) => !leader && result.hidden)) return false;
		this.items = this.items.filter((item) => !removed.includes(item));
		for (const { tile, leader } of removed) {
			tile.remove();
			if (!leader) {
				if (this.next !== null) this.next -= 1; // everything behind it moved up
				continue;
			}
			leader.copies = leader.copies.filter(({ result }) => !gone.has(result.id));
			leader.result.hidden -= 1;
			this.#labelCopies(leader);
		}
		this.#rank();
		return true;
	}

	#add(/** @type {SearchResult[]} */ results, images = new Map()) {
		rememberImages(results);
		const added = results.map((result) => this.#item(result, null, images.get(result.id)));
		this.items.push(...added);
		for (const [name, { grid }] of this.groups) {
			grid.append(
				...added.filter(({ result }) => groupOf(result) === name).map(({ tile }) => tile),
			);
		}
		this.#rank();
		return added;
	}

	/** @type {(result: SearchResult, leader: Item | null, image?: HTMLImageElement) => Item} */
	#item(result, leader, image) {
		const tile = resultTile(result, this.options.canDelete, image);
		const item = { result, tile, leader, copies: [] };
		this.#labelCopies(item);
		return item;
	}

	#labelCopies(/** @type {Item} */ item) {
		const { copies, result, tile } = item;
		setCopies(tile, copies.length || result.hidden, copies.length > 0, () =>
			this.options.onCopies(item),
		);
	}

	// Count the results in the order in which they are shown, whatever is folded behind them.
	#rank() {
		const order = GROUPS.flatMap((name) =>
			this.leaders.filter(({ result }) => groupOf(result) === name),
		);
		for (const [i, { result, tile, copies }] of order.entries()) {
			result.rank = i + 1;
			setRank(tile, result);
			for (const copy of copies) copy.result.copyOf = result.rank;
		}
	}

	#groupOf = (/** @type {Item} */ { result }) =>
		/** @type {Group} */ (this.groups.get(groupOf(result)));

	/** @type {(name: GroupName) => Group} */
	#group(name) {
		const grid = el('ol', { class: 'grid' });
		const size = el('span', { class: 'muted' });
		const title = el('h2', {}, words.search.groups[name]);
		if (name !== 'weak') {
			const section = el('section', { class: 'grade' }, el('header', {}, title, size), grid);
			return { section, grid, size, shown: 0 };
		}
		const summary = el('summary', {}, title, size);
		summary.addEventListener('click', () => {
			this.weakOpen = !section.open;
		});
		const section = el('details', { class: 'grade weak' }, summary, grid);
		return { section, grid, size, shown: 0 };
	}

	#describe(/** @type {number} */ min) {
		const { matches, all } = this.counts;
		const sizes = new Map([...this.groups].map(([name, { shown }]) => [name, shown]));
		const strong = [...sizes].filter(([name, shown]) => name !== 'weak' && shown).length;
		const more = this.next !== null;
		this.heading.textContent = matches ? headline(sizes, more) : words.search.noMatch;
		for (const [name, { section, shown, size }] of this.groups) {
			section.hidden = !shown;
			section.classList.toggle('only', name === 'weak' ? !strong : strong === 1);
			size.textContent = number(shown);
		}
		const weak = /** @type {{ section: HTMLDetailsElement, grid: HTMLElement }} */ (
			/** @type {unknown} */ (this.groups.get('weak'))
		);
		weak.section.open = this.weakOpen || !strong;
		this.note.hidden = matches > 0 && strong > 0;
		this.note.replaceChildren(
			...(matches
				? [words.search.nearestAreWeak]
				: [
						words.search.nothingReaches(min),
						' ',
						button(words.search.showAll, () => navigate({ min: 0 })),
					]),
		);
		// What follows the weak results is weaker still.
		if (sizes.get('weak')) weak.section.append(this.footer);
		else this.element?.append(this.footer);
		const showMore = button(words.search.showMore, this.options.onMore, { kind: 'secondary' });
		this.footer.replaceChildren(...(more && matches === all ? [showMore] : []));
	}
}

const nearest = (/** @type {Item[]} */ items) =>
	[...items].sort((a, b) => b.result.similarity - a.result.similarity).slice(0, MAX_BELOW);
