// All pictures of the gallery, newest first, and those with a name. Loaded when used.
// Depends on api, dom, gallery, key, rows, state, text and words.

import { $, announce, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { navigate, showView } from '../frame/state.js';
import { get, isAbort } from '../gallery/api.js';
import { can, canAdd, galleryChanges, rememberImages } from '../gallery/gallery.js';
import { rowTile } from '../pictures/rows.js';
import { count, describeError, number } from '../words/text.js';
import { words } from '../words/words.js';

const PAGE_SIZE = 60;
const TYPING_MS = 250;
const CHANGES_MS = 500; // an upload changes the gallery several times a second
const AHEAD = '1200px'; // further pictures are asked for this far before the end

const text = words.browse;
const total = el('p', { class: 'muted', role: 'status' });
const field = el('input', {
	type: 'search',
	placeholder: text.find,
	'aria-label': text.find,
	autocomplete: 'off',
	spellcheck: 'false',
});
const list = el('ul', { class: 'rows' });
const footer = el('div', { class: 'row foot' });
/** @type {string | null} */
let shown = null; // the name that the list was found by
/** @type {string | null} */
let next = null;
let loading = new AbortController();
let canDelete = false;
let stale = false; // the gallery has changed

$('#browse').append(
	el(
		'div',
		{ class: 'browse' },
		el(
			'div',
			{ class: 'browse-bar' },
			el('div', {}, el('h1', {}, text.title), total),
			el(/** @type {'div'} */ ('search'), {}, field),
		),
		list,
		footer,
	),
);
let typing = 0;
field.addEventListener('input', () => {
	clearTimeout(typing);
	typing = setTimeout(() => find(field.value), TYPING_MS);
});
const observer = new IntersectionObserver(
	([{ isIntersecting }]) => isIntersecting && next && showMore(),
	{ rootMargin: AHEAD },
);
let changed = 0;
galleryChanges.addEventListener('change', (event) => {
	// A picture deleted here has left the list already; others are read at the next visit.
	const { detail } = /** @type {CustomEvent} */ (event);
	if (detail === 'added' || $('#browse').hidden) stale = true;
	clearTimeout(changed);
	changed = setTimeout(() => $('#browse').hidden || showTotal(), CHANGES_MS);
});

const find = (/** @type {string} */ name) =>
	navigate({ filter: name.trim() ? [['name', name.trim()]] : [] }, { replace: true });

export async function enter(/** @type {State} */ { filter }) {
	const name = filter.find(([each]) => each === 'name')?.[1] ?? '';
	if (name !== field.value.trim()) field.value = name;
	if (name === shown && !stale) return;
	shown = name;
	stale = false;
	await start();
}

async function start() {
	loading.abort();
	loading = new AbortController();
	next = null;
	footer.replaceChildren();
	list.classList.add('waiting');
	canDelete = await can('write');
	await load(loading.signal, (images) => list.replaceChildren(...images.map(tileOf)));
}

const tileOf = (/** @type {GalleryImage} */ image) => rowTile(image, canDelete);

async function showMore() {
	const { signal } = loading;
	const button = footer.querySelector('button');
	if (!button || button.disabled) return;
	button.disabled = true;
	await load(signal, (images) => list.append(...images.map(tileOf)));
}

/** @type {(signal: AbortSignal, put: (images: StoredImage[]) => void) => Promise<void>} */
async function load(signal, put) {
	const query = new URLSearchParams({ limit: String(PAGE_SIZE), sort: '-added_at' });
	if (shown) query.set('find', shown);
	if (next) query.set('cursor', next);
	try {
		const page = await get(`v1/images?${query}`, { signal });
		rememberImages(page.images);
		next = page.next;
		list.classList.remove('waiting');
		put(page.images);
		showFooter();
		await showTotal();
	} catch (error) {
		if (!isAbort(error) && !signal.aborted) showError(error);
	}
}

function showFooter() {
	const more = button(text.more, showMore, { kind: 'secondary' });
	footer.replaceChildren(...(next ? [more] : []));
	observer.disconnect();
	if (next) observer.observe(footer);
	if (!list.children.length) showEmpty();
}

async function showEmpty() {
	const add = button(text.add, () => showView('add'), { kind: 'primary', icon: 'plus' });
	const all = button(text.showAll, () => find(''), { kind: 'secondary' });
	const card = shown
		? messageCard(text.none, [all])
		: messageCard(words.gallery.empty, [(await canAdd()) && add]);
	footer.replaceChildren(card);
	announce(/** @type {string} */ (card.querySelector('h2')?.textContent));
}

function showError(/** @type {ApiFailure} */ error) {
	const message = describeError(error);
	const enterKey = async () => (await askForKey(message.text)) && start();
	const again = error.code.startsWith('key-')
		? button(text.enterKey, enterKey, { kind: 'secondary', icon: 'key' })
		: button(text.retry, retry, { kind: 'secondary', icon: 'retry' });
	observer.disconnect();
	list.classList.remove('waiting');
	footer.replaceChildren(messageCard(message, [again]));
}

const retry = () =>
	list.children.length && next
		? load(loading.signal, (images) => list.append(...images.map(tileOf)))
		: start();

// Of those found by a name the number is known only when the last of them was loaded.
async function showTotal() {
	const here = list.children.length;
	if (shown) {
		delete list.dataset.total;
		total.textContent = `${next ? `${number(here)}+` : count(here, 'picture')} ${text.found}`;
		return;
	}
	const { images } = await get('v1/stats').catch(() => ({ images: here }));
	if (shown) return;
	total.textContent = count(images, 'picture');
	list.dataset.total = String(images);
}
