// What can be done with a picture: from its tile, its menu and the viewer.
// Depends on dialogs, dom, gallery, images, state, text and words; loads delete and viewer.

import { copyLink, toast } from '../frame/dialogs.js';
import { announce } from '../frame/dom.js';
import { current, hasQuery, linkTo, navigate, startSearch } from '../frame/state.js';
import { safeUrl } from '../gallery/gallery.js';
import { needsKey, originalUrl } from '../gallery/images.js';
import { describeError } from '../words/text.js';
import { words } from '../words/words.js';

/** @type {WeakMap<Element, ViewerItem>} */
const items = new WeakMap(); // tile -> what the viewer shows of it

// `tile` leaves the page when the picture is deleted.
/** @type {(image: GalleryImage, tile: HTMLElement, canDelete: boolean) => Action[]} */
export function resultActions(image, tile, canDelete) {
	const { id } = image;
	const { actions: labels } = words.pictures;
	const searching = hasQuery(current);
	const view = async (comparing = false) =>
		(await import('./viewer.js')).openViewer(item, () => neighbours(tile), { comparing });
	/** @type {(Action | false)[]} */
	const all = [
		{ name: 'similar', label: labels.similar, icon: 'similar', run: () => searchWith(id) },
		searching && {
			name: 'more',
			label: labels.more,
			icon: 'plus',
			run: () => addExample('more', image),
		},
		searching && {
			name: 'less',
			label: labels.less,
			icon: 'minus',
			run: () => addExample('less', image),
		},
		canCompare() && {
			name: 'compare',
			label: labels.compare,
			icon: 'compare',
			run: () => view(true),
		},
		{ name: 'details', label: labels.details, icon: 'info', run: () => view() },
		{ name: 'open', label: labels.open, icon: 'open', run: () => openOriginal(image) },
		{ name: 'link', label: labels.link, icon: 'link', run: () => copyLink(linkTo({ id })) },
		canDelete && {
			name: 'delete',
			label: labels.delete,
			icon: 'trash',
			danger: true,
			run: async () => (await import('./delete.js')).deleteResult(image, tile),
		},
	];
	const actions = all.filter((action) => action !== false);
	/** @type {ViewerItem} */
	const item = { image, actions, tile };
	items.set(tile, item);
	return actions;
}

// Whether the query is a picture that this page can show.
const canCompare = () => Boolean(current.upload || current.id || current.more.length);

// The pictures of this view, as they lie on the page now.
const neighbours = (/** @type {HTMLElement} */ tile) =>
	[...(tile.closest('main > section') ?? document).querySelectorAll('[data-id]')].flatMap(
		(each) => {
			const item = items.get(each);
			return item && each.checkVisibility() ? [item] : [];
		},
	);

function searchWith(/** @type {string} */ id) {
	startSearch({ id });
	scrollTo({ top: 0 });
}

function addExample(/** @type {'more' | 'less'} */ side, /** @type {GalleryImage} */ { id, name }) {
	const { more, less } = current;
	const others = {
		more: more.filter((each) => each !== id),
		less: less.filter((each) => each !== id),
	};
	// A region belongs to a single example.
	navigate({ ...others, [side]: [...others[side], id], region: null });
	announce(words.pictures.searching[side](name));
}

async function openOriginal(/** @type {GalleryImage} */ { links }) {
	const url = safeUrl(links.original);
	if (!needsKey(url)) return open(url, '_blank', 'noopener');
	const tab = open('', '_blank'); // at once, because browsers only allow it right after a click
	try {
		tab?.location.replace(await originalUrl(url));
	} catch (error) {
		tab?.close();
		toast(describeError(error).title);
	}
}
