// One result: its picture, match in percent and words, and its actions. The picture is a link to a
// search with it, for a new tab; a click shows its details.
// Depends on actions, dom, images, likeness, state, text and words; loads menu.

import { $, bdi, button, el } from '../frame/dom.js';
import { linkTo } from '../frame/state.js';
import { thumbnail } from '../gallery/images.js';
import { likenessMark } from '../gallery/likeness.js';
import { count, percent } from '../words/text.js';
import { words } from '../words/words.js';
import { resultActions } from './actions.js';

// Width to height. What is beyond has margins: its caption needs room, and others of its row too.
const WIDEST = 2.4;
const NARROWEST = 0.6;
/** @type {typeof import('../frame/menu.js') | undefined} */
let menu;

// `image` shows the thumbnail already, in a tile that this one replaces.
/** @type {(result: SearchResult, canDelete: boolean, image?: HTMLImageElement) => HTMLElement} */
export function resultTile(result, canDelete, image = thumbnail(result)) {
	const { id, width, height, copyOf } = result;
	const tile = el('li', { class: copyOf ? 'tile copy' : 'tile', 'data-id': id });
	const actions = resultActions(result, tile, canDelete);
	const ratio = Math.min(WIDEST, Math.max(NARROWEST, width / height || 1));
	tile.style.setProperty('--ratio', ratio.toFixed(3));
	tile.append(
		pictureLink(id, image, actions),
		el('div', { class: 'quick' }, quickButtons(actions)),
		caption(result, actions),
	);
	return tile;
}

/** @type {(id: string, image: HTMLImageElement, actions: Action[]) => HTMLElement} */
function pictureLink(id, image, actions) {
	const details = actions.find((action) => action.name === 'details');
	const onclick = (/** @type {MouseEvent} */ event) => {
		if (event.ctrlKey || event.metaKey || event.shiftKey) return;
		event.preventDefault();
		details?.run();
	};
	return el(
		'a',
		{ class: 'picture', href: linkTo({ id }), onclick, 'data-key': 'picture' },
		image,
		el('span', { class: 'visually-hidden' }, words.tile.details),
	);
}

const quickButtons = (/** @type {Action[]} */ actions) =>
	actions
		.filter((action) => ['similar', 'more', 'less'].includes(action.name))
		.map(({ label, icon, run }) => button('', run, { kind: 'round', icon, label, tabindex: '-1' }));

/** @type {(result: SearchResult, actions: Action[]) => HTMLElement} */
function caption(result, actions) {
	const { name, copyOf, similarity } = result;
	const openMenu = async (/** @type {{ currentTarget: HTMLElement }} */ { currentTarget }) => {
		menu ??= await import('../frame/menu.js'); // once loaded it opens before the next key is read
		menu.openMenu(currentTarget, actions);
	};
	const place = copyOf
		? [words.tile.copyOf(copyOf)]
		: [
				el('span', { class: 'visually-hidden' }, `${words.tile.rank} `),
				el('span', { class: 'rank' }),
				' ',
				el('strong', {}, percent(similarity)),
			];
	return el(
		'div',
		{ class: 'caption' },
		el('p', {}, place, ' ', likenessMark(result)),
		el('p', { class: 'name', title: name }, bdi(name.slice(name.lastIndexOf('/') + 1))),
		button('', openMenu, {
			kind: 'bare dots',
			icon: 'dots',
			label: words.tile.actions(name),
			'aria-haspopup': 'menu',
			'data-key': 'dots',
			title: undefined,
		}),
	);
}

export function setRank(/** @type {HTMLElement} */ tile, /** @type {SearchResult} */ { rank }) {
	const place = $('.rank', tile);
	if (place) place.textContent = String(rank);
}

// Label a tile with the copies it stands for; a click shows or hides them.
/** @type {(tile: HTMLElement, copies: number, expanded: boolean, onclick: () => void) => void} */
export function setCopies(tile, copies, expanded, onclick) {
	tile.querySelector('.badge')?.remove();
	if (!copies) return;
	const text = count(copies, 'copy');
	const options = { kind: 'badge', 'aria-expanded': String(expanded), 'data-key': 'badge' };
	tile.append(button(expanded ? words.tile.hideCopies(text) : `+${text}`, onclick, options));
}
