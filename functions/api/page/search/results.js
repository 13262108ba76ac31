// The results of a search: its progress, the grid, an empty result or an error.
// Depends on all modules of the search view except query-panel.

import { toast } from '../frame/dialogs.js';
import { $, announce, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { current, navigate, showView, startSearch } from '../frame/state.js';
import { get, isAbort } from '../gallery/api.js';
import { can, formatsFor, rememberImages } from '../gallery/gallery.js';
import { SEES_LAYOUT } from '../gallery/likeness.js';
import { cachedResults, cancelSearch, search, searchCopies, searchKey } from '../gallery/search.js';
import { resultTile, setCopies } from '../pictures/tile.js';
import { count, describeError } from '../words/text.js';
import { words } from '../words/words.js';
import { collectValues, filterPanel } from './filters.js';
import { searchProgress } from './search-progress.js';
import { thresholdSlider } from './threshold.js';

const container = $('#answer');
const MAX_BELOW = 8; // shown greyed out when no result reaches the minimum match
/** @type {string | null} */
let shown = null; // the search key of the results on the page
/** @type {((min: number) => void) | null} */
let applyMin = null;

// Show the results for the state: those on the page, those in the cache, or those of a new search.
export async function showResults(/** @type {State} */ state) {
	const key = searchKey(state);
	if (key === shown && applyMin) return applyMin(state.min);
	const cached = cachedResults(state);
	if (cached) {
		cancelSearch();
		return render(state, cached);
	}
	shown = key;
	applyMin = null;
	await runSearch(state);
}

export function leaveResults() {
	cancelSearch();
	shown = applyMin = null;
}

async function runSearch(/** @type {State} */ state) {
	const stages = state.upload ? ['preparing', 'uploading', 'searching'] : ['searching'];
	const progress = searchProgress(/** @type {Stage[]} */ (stages), cancelSearch);
	const placeholders = Array.from({ length: 12 }, () =>
		el('li', { class: 'tile waiting' }, el('div', { class: 'picture' })),
	);
	container.replaceChildren(
		progress.element,
		el('ol', { class: 'grid', 'aria-hidden': 'true' }, placeholders),
	);
	const key = searchKey(state);
	try {
		const page = await search(state, progress);
		if (searchKey(current) === key) render(state, page);
	} catch (error) {
		if (searchKey(current) !== key) return;
		if (isAbort(error)) {
			const again = button('Search again', () => runSearch(current), { kind: 'primary' });
			showMessage({ title: 'Search cancelled', text: 'No results were loaded.' }, [again]);
		} else {
			await showError(error);
		}
	}
}

async function showError(/** @type {ApiFailure} */ error) {
	const { title, text, retryable } = describeError(error, await formatsFor(error));
	const buttons = [];
	if (error.code === 'key-missing' || error.code === 'key-refused') {
		const enterKey = async () => (await askForKey(text)) && runSearch(current);
		buttons.push(button('Enter a key', enterKey, { kind: 'primary' }));
	} else if (retryable) {
		const retry = () => runSearch(current);
		buttons.push(button('Try again', retry, { kind: 'primary', icon: 'retry' }));
	}
	buttons.push(button('Another picture', () => startSearch()));
	showMessage({ title, text }, buttons);
	if (error.code === 'offline') {
		const retry = () => {
			if (shown === searchKey(current) && !applyMin) runSearch(current);
		};
		addEventListener('online', retry, { once: true });
	}
}

function showMessage(/** @type {ErrorText} */ message, /** @type {HTMLElement[]} */ buttons) {
	container.replaceChildren(messageCard(message, buttons, 'h1'));
	announce(`${message.title}. ${message.text}`);
}

async function render(/** @type {State} */ state, /** @type {ResultPage} */ page) {
	shown = searchKey(state);
	const canDelete = await can('write');
	let { results, next } = page;
	rememberImages(results);
	collectValues(state, results);
	if (!results.length) return showNoResults(state);
	const heading = el('h1', { tabindex: '-1' });
	const grid = el('ol', { class: 'grid' });
	const notice = el('p', { class: 'notice', hidden: true });
	const footer = el('div', { class: 'row foot' });
	const threshold = thresholdSlider(
		state.min,
		(min) => update(min, true),
		(min) => navigate({ min }),
	);
	const tiles = results.map((result) => resultTile(result, canDelete));
	grid.append(...tiles);
	/** @type {Map<number, HTMLElement[]>} */
	const expanded = new Map(); // index of a result -> tiles of its copies
	applyMin = update;
	container.replaceChildren(
		heading,
		threshold.element,
		await filterPanel(state),
		notice,
		grid,
		footer,
		el(
			'p',
			{ class: 'muted aside' },
			`Pages of text and screenshots: ${SEES_LAYOUT.toLowerCase()}`,
		),
	);
	update(state.min);
	if (document.activeElement === document.body) heading.focus({ preventScroll: true });
	announce(`${count(results.length, 'result')} found`);

	// Hide what is below the minimum match. If that is everything, show the best of it greyed out.
	function update(/** @type {number} */ min, sliding = false) {
		const matches = results.filter((result) => result.similarity * 100 >= min - 0.0001).length;
		const end = matches || MAX_BELOW;
		let hiddenCopies = 0;
		tiles.forEach((tile, i) => {
			const copies = expanded.get(i);
			if (!copies && i < end) hiddenCopies += results[i].hidden;
			for (const each of [tile, ...(copies ?? [])]) {
				each.hidden = i >= end;
				each.classList.toggle('below', !matches);
			}
			const number = copies?.length ?? results[i].hidden;
			setCopies(tile, number, Boolean(copies), () => toggleCopies(i));
		});
		heading.textContent = matches ? 'Similar pictures' : 'No match this close';
		threshold.showCount(matches, results.length, hiddenCopies, Boolean(next));
		if (!sliding) threshold.set(min);
		notice.hidden = matches > 0;
		notice.replaceChildren(
			el('span', {}, `Nothing reaches ${min}%. These are the closest below it.`),
			button('Show all', () => navigate({ min: 0 })),
		);
		const more = button('Show more', showMore, { kind: 'secondary' });
		footer.replaceChildren(...(next && matches === results.length ? [more] : []));
	}

	async function toggleCopies(/** @type {number} */ i) {
		const result = results[i];
		const shown = expanded.get(i);
		if (shown) {
			expanded.delete(i);
			for (const tile of shown) tile.remove();
		} else {
			const badge = /** @type {HTMLButtonElement} */ ($('.badge', tiles[i]));
			badge.disabled = true;
			try {
				const copies = await searchCopies(state, result);
				rememberImages(copies);
				const made = copies.map((copy) => resultTile({ ...copy, copyOf: result.rank }, canDelete));
				if (!made.length) toast('These copies are no longer in the gallery.');
				else expanded.set(i, made);
				tiles[i].after(...made);
			} catch (error) {
				toast(describeError(error).title);
			}
		}
		update(current.min);
		$('.badge', tiles[i])?.focus({ preventScroll: true });
	}

	async function showMore(/** @type {{ currentTarget: HTMLElement }} */ { currentTarget }) {
		const pressed = /** @type {HTMLButtonElement} */ (currentTarget);
		pressed.disabled = true;
		pressed.textContent = 'Searching…';
		try {
			const before = results.length;
			({ results, next } = await search(state, null, next ?? 0));
			rememberImages(results);
			collectValues(state, results);
			const added = results.slice(before).map((result) => resultTile(result, canDelete));
			tiles.push(...added);
			grid.append(...added);
			update(current.min);
			added[0]?.querySelector('button')?.focus({ preventScroll: true });
		} catch (error) {
			if (isAbort(error)) return;
			footer.replaceChildren(
				el('span', {}, `${describeError(error).title}.`),
				button('Try again', showMore, { kind: 'secondary' }),
			);
		}
	}
}

// The gallery is empty, or the filters or the query itself leave nothing.
async function showNoResults(/** @type {State} */ state) {
	applyMin = () => {};
	if (state.filter.length) {
		const remove = button('Remove all filters', () => navigate({ filter: [] }), {
			kind: 'primary',
		});
		const text = 'There may be similar pictures without them.';
		showMessage({ title: 'Nothing matches these filters', text }, [remove]);
		container.prepend(await filterPanel(state));
		return;
	}
	const { images } = await get('v1/stats').catch(() => ({ images: 0 }));
	if (images) {
		return showMessage(
			{ title: 'No other pictures', text: 'This is the only one in the gallery.' },
			[],
		);
	}
	const add = button('Add pictures', () => showView('add'), { kind: 'primary' });
	showMessage(words.gallery.empty, (await can('write')) ? [add] : []);
}
