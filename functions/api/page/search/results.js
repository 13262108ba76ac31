// The answer to a search: its progress, its results, an empty answer or an error. A search with the
// same picture refreshes the results in place. Depends on the frame, gallery, filters, focus,
// motion, result-list and search-progress.

import { toast } from '../frame/dialogs.js';
import { $, announce, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { current, navigate, showView, startSearch } from '../frame/state.js';
import { get, isAbort } from '../gallery/api.js';
import { can, canAdd, formatsFor } from '../gallery/gallery.js';
import {
	cachedResults,
	cancelSearch,
	deletions,
	search,
	searchCopies,
	searchKey,
} from '../gallery/search.js';
import { describeError } from '../words/text.js';
import { words } from '../words/words.js';
import { collectValues, showCounts, showFilters } from './filters.js';
import { keepFocus } from './focus.js';
import { glide } from './motion.js';
import { ResultList } from './result-list.js';
import { searchProgress } from './search-progress.js';

const container = $('#answer');
const BAD_FILTERS = ['filter-unknown', 'invalid-filter'];
/** @type {string | null} */
let shown = null; // the search key of what is on the page
/** @type {ResultList | null} */
let list = null;
let picture = ''; // that the list is for

// Show the results for the state: those on the page, those in the cache, or those of a new search.
export async function showResults(/** @type {State} */ state) {
	const key = searchKey(state);
	showFilters(state);
	if (key === shown && list) return applyMin();
	cancelSearch();
	shown = key;
	const cached = cachedResults(state);
	if (cached) return render(state, cached);
	await runSearch(state);
}

export function leaveResults() {
	cancelSearch();
	shown = list = null;
	container.replaceChildren();
}

const pictureOf = (/** @type {State} */ { upload, id, url }) => `${upload} ${id} ${url}`;

/** @type {(state: State, least?: number) => Promise<void>} */
async function runSearch(state, least) {
	const stages = state.upload ? ['preparing', 'uploading', 'searching'] : ['searching'];
	const progress = searchProgress(/** @type {Stage[]} */ (stages), cancelSearch);
	const inPlace = list && picture === pictureOf(state);
	container.setAttribute('aria-busy', 'true');
	if (inPlace) {
		$('.stages', container)?.remove();
		container.prepend(progress.element);
	} else {
		list = null;
		container.replaceChildren(progress.element, placeholders());
	}
	const key = searchKey(state);
	try {
		const page = await search(state, progress, undefined, least);
		if (searchKey(current) === key) await render(state, page);
	} catch (error) {
		if (searchKey(current) !== key || shown !== key) return;
		if (!isAbort(error)) return showError(error);
		const again = button(words.search.searchAgain, () => runSearch(current), { kind: 'primary' });
		showMessage(words.search.cancelled, [again]);
	}
}

const placeholders = () =>
	el(
		'ol',
		{ class: 'grid', 'aria-hidden': 'true' },
		Array.from({ length: 12 }, () =>
			el('li', { class: 'tile waiting' }, el('div', { class: 'picture' })),
		),
	);

async function showError(/** @type {ApiFailure} */ error) {
	if (current.filter.length && BAD_FILTERS.includes(error.code)) {
		return showMessage(words.search.badFilters, [removeFilters()]);
	}
	const { title, text, retryable } = describeError(error, await formatsFor(error));
	const buttons = [];
	if (error.code === 'key-missing' || error.code === 'key-refused') {
		const enterKey = async () => (await askForKey(text)) && runSearch(current);
		buttons.push(button(words.search.start.enterKey, enterKey, { kind: 'primary' }));
	} else if (retryable) {
		const retry = () => runSearch(current);
		buttons.push(button(words.search.start.tryAgain, retry, { kind: 'primary', icon: 'retry' }));
	}
	buttons.push(button(words.search.anotherPicture, () => startSearch()));
	showMessage({ title, text }, buttons);
	if (error.code === 'offline') {
		const retry = () => {
			if (shown === searchKey(current) && !list) runSearch(current);
		};
		addEventListener('online', retry, { once: true });
	}
}

const removeFilters = () =>
	button(words.search.removeFilters, () => navigate({ filter: [] }), { kind: 'primary' });

function showMessage(/** @type {ErrorText} */ message, /** @type {Child[]} */ buttons) {
	list = null;
	container.removeAttribute('aria-busy');
	container.replaceChildren(messageCard(message, buttons, 'h1'));
	announce(`${message.title}. ${message.text}`);
}

async function render(/** @type {State} */ state, /** @type {ResultPage} */ page) {
	const key = searchKey(state);
	const canDelete = await can('write');
	if (searchKey(current) !== key) return;
	collectValues(state, page.results);
	showFilters(current);
	if (!page.results.length) return showNoResults(state);
	const inPlace = list && picture === pictureOf(state);
	const options = { canDelete, onCopies: toggleCopies, onMore: showMore };
	const next = new ResultList(page, options, inPlace ? list : null);
	const { scrollY } = window;
	const swap = () => {
		if (searchKey(current) !== key) return;
		keepFocus(container, next.heading, () => {
			list = next;
			picture = pictureOf(state);
			container.removeAttribute('aria-busy');
			container.replaceChildren(
				next.element,
				el('p', { class: 'muted aside' }, words.search.seesLayout),
			);
			applyMin();
		});
		if (inPlace) scrollTo({ top: scrollY, behavior: 'instant' });
		if (document.activeElement === document.body) next.heading.focus({ preventScroll: true });
	};
	await (inPlace ? glide(swap) : swap());
	announce(next.heading.textContent);
}

function applyMin() {
	if (!list) return;
	list.showMin(current.min);
	showCounts(list.counts, list.next !== null);
}

async function toggleCopies(/** @type {Item} */ item) {
	const here = list;
	if (!here) return;
	const badge = () => /** @type {HTMLButtonElement | null} */ ($('.badge', item.tile));
	if (item.copies.length) here.collapse(item);
	else {
		/** @type {HTMLButtonElement} */ (badge()).disabled = true;
		try {
			const ids = here.items.map(({ result }) => result.id);
			const copies = await searchCopies(current, item.result, ids);
			if (copies.length) here.expand(item, copies);
			else toast(words.search.copiesGone);
		} catch (error) {
			toast(describeError(error).title);
		}
	}
	if (here !== list) return;
	/** @type {HTMLButtonElement} */ (badge()).disabled = false;
	applyMin();
	badge()?.focus({ preventScroll: true });
}

async function showMore(/** @type {{ currentTarget: HTMLElement }} */ { currentTarget }) {
	const here = /** @type {ResultList} */ (list);
	const pressed = /** @type {HTMLButtonElement} */ (currentTarget);
	pressed.disabled = true;
	pressed.textContent = words.search.searching;
	const state = current;
	try {
		const page = await search(state, null, here.page);
		if (here !== list) return;
		const first = here.append(page);
		collectValues(state, page.results);
		showFilters(current);
		applyMin();
		if (first) $('.picture', first.tile).focus({ preventScroll: true });
	} catch (error) {
		if (isAbort(error) || here !== list) return;
		here.footer.replaceChildren(
			el('span', {}, `${describeError(error).title}.`),
			button(words.search.start.tryAgain, showMore, { kind: 'secondary' }),
		);
	}
}

// The gallery is empty, or the filters or the query itself leave nothing.
async function showNoResults(/** @type {State} */ state) {
	if (state.filter.length) return showMessage(words.search.nothingMatches, [removeFilters()]);
	const { images } = await get('v1/stats').catch(() => ({ images: 0 }));
	if (images) return showMessage(words.search.onlyOne, []);
	const add = button(words.search.start.addPictures, () => showView('add'), { kind: 'primary' });
	showMessage(words.gallery.empty, (await canAdd()) ? [add] : []);
}

deletions.addEventListener('deleted', (event) => {
	if (!list) return;
	const ids = /** @type {CustomEvent<string[]>} */ (event).detail;
	const here = list;
	keepFocus(container, here.heading, () => {
		if (here.remove(ids)) applyMin();
		else runSearch(current, here.page.results.length - ids.length);
	});
});
