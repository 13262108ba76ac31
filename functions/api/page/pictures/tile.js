// One result: rank, picture, match in percent and words, and its actions.
// Depends on actions, dom, images, likeness and text; loads menu.

import { bdi, button, el } from '../frame/dom.js';
import { thumbnail } from '../gallery/images.js';
import { likenessMark } from '../gallery/likeness.js';
import { count, percent } from '../words/text.js';
import { resultActions } from './actions.js';

/** @type {typeof import('../frame/menu.js') | undefined} */
let menu;

export function resultTile(/** @type {SearchResult} */ result, /** @type {boolean} */ canDelete) {
	const { id, name, rank, copyOf } = result;
	const tile = el('li', { class: copyOf ? 'tile copy' : 'tile', 'data-id': id });
	const actions = resultActions(result, tile, canDelete);
	const openMenu = async (/** @type {{ currentTarget: HTMLElement }} */ { currentTarget }) => {
		menu ??= await import('../frame/menu.js'); // once loaded it opens before the next key is read
		menu.openMenu(currentTarget, actions);
	};
	const details = actions.find((action) => action.name === 'details');
	const quick = actions
		.filter((action) => ['similar', 'more', 'less'].includes(action.name))
		.map(({ label, icon, run }) => button('', run, { kind: 'round', icon, label, tabindex: '-1' }));
	const place = copyOf
		? [`Copy of ${copyOf}: `]
		: [
				el('span', { class: 'visually-hidden' }, `Rank ${rank}: `),
				el('strong', {}, percent(result.similarity)),
			];
	tile.append(
		el(
			'button',
			{ type: 'button', class: 'picture', onclick: details?.run },
			thumbnail(result),
			el('span', { class: 'visually-hidden' }, ', details'),
		),
		...(copyOf ? [] : [el('span', { class: 'rank', 'aria-hidden': 'true' }, rank)]),
		el('div', { class: 'quick' }, quick),
		el(
			'div',
			{ class: 'caption' },
			el('p', {}, place, likenessMark(result)),
			el('p', { class: 'name', title: name }, bdi(name.slice(name.lastIndexOf('/') + 1))),
			button('', openMenu, {
				kind: 'bare dots',
				icon: 'dots',
				label: `Actions for ${name}`,
				'aria-haspopup': 'menu',
				title: undefined,
			}),
		),
	);
	return tile;
}

// Label a tile with the copies it stands for; a click shows or hides them.
/** @type {(tile: HTMLElement, copies: number, expanded: boolean, onclick: () => void) => void} */
export function setCopies(tile, copies, expanded, onclick) {
	tile.querySelector('.badge')?.remove();
	if (!copies) return;
	const text = count(copies, 'copy');
	const options = { kind: 'badge', 'aria-expanded': String(expanded) };
	tile.append(button(expanded ? `Hide ${text}` : `+${text}`, onclick, options));
}
