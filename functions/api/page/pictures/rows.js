// Pictures in rows that are full from side to side, none of them cropped.
// Depends on actions, dom, images, state and words; loads menu.

import { bdi, button, el } from '../frame/dom.js';
import { linkTo } from '../frame/state.js';
import { thumbnail } from '../gallery/images.js';
import { words } from '../words/words.js';
import { resultActions } from './actions.js';

const WIDEST = 3; // to one: a panorama must not take a row alone
const SLIMMEST = 0.5;

export function rowTile(/** @type {GalleryImage} */ image, /** @type {boolean} */ canDelete) {
	const { id, name, width, height } = image;
	const tile = el('li', { class: 'in-row', 'data-id': id });
	tile.style.setProperty(
		'--ratio',
		String(Math.max(SLIMMEST, Math.min(WIDEST, width / height)).toFixed(4)),
	);
	const actions = resultActions(image, tile, canDelete);
	const onclick = (/** @type {MouseEvent} */ event) => {
		if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab
		event.preventDefault();
		actions.find((action) => action.name === 'details')?.run();
	};
	const openMenu = async (/** @type {{ currentTarget: HTMLElement }} */ { currentTarget }) =>
		(await import('../frame/menu.js')).openMenu(currentTarget, actions);
	const link = el('a', { onclick, title: name }, thumbnail(image));
	link.href = linkTo({ id });
	tile.append(
		link,
		el(
			'div',
			{ class: 'row-caption' },
			el('span', { 'aria-hidden': 'true' }, bdi(name.slice(name.lastIndexOf('/') + 1))),
			button('', openMenu, {
				kind: 'bare dots',
				icon: 'dots',
				label: words.browse.actionsFor(name),
				'aria-haspopup': 'menu',
				title: undefined,
			}),
		),
	);
	return tile;
}
