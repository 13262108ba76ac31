// What can be done with a result: from its tile, its menu and its details.
// Depends on dialogs, dom, gallery, images, state and text; loads compare, delete and details.

import { copyLink, toast } from '../frame/dialogs.js';
import { announce } from '../frame/dom.js';
import { current, linkTo, navigate, startSearch } from '../frame/state.js';
import { safeUrl } from '../gallery/gallery.js';
import { needsKey, originalUrl } from '../gallery/images.js';
import { describeError } from '../words/text.js';

// `tile` leaves the page when the picture is deleted.
/** @type {(result: SearchResult, tile: HTMLElement, canDelete: boolean) => Action[]} */
export function resultActions(result, tile, canDelete) {
	const { id } = result;
	/** @type {Action[]} */
	const actions = [
		{
			name: 'similar',
			label: 'More like this',
			icon: 'similar',
			run: () => {
				startSearch({ id });
				scrollTo({ top: 0 });
			},
		},
		{ name: 'more', label: 'Also like this', icon: 'plus', run: () => addExample('more', result) },
		{ name: 'less', label: 'Less like this', icon: 'minus', run: () => addExample('less', result) },
		{
			name: 'compare',
			label: 'Compare side by side',
			icon: 'compare',
			run: async () => (await import('./compare.js')).compare(result),
		},
		{
			name: 'details',
			label: 'Details',
			icon: 'info',
			run: async () => (await import('./details.js')).showDetails(result, actions),
		},
		{ name: 'open', label: 'Open original', icon: 'open', run: () => openOriginal(result) },
		{ name: 'link', label: 'Copy link', icon: 'link', run: () => copyLink(linkTo({ id })) },
	];
	if (canDelete) {
		actions.push({
			name: 'delete',
			label: 'Delete…',
			icon: 'trash',
			danger: true,
			run: async () => (await import('./delete.js')).deleteResult(result, tile),
		});
	}
	return actions;
}

function addExample(/** @type {'more' | 'less'} */ side, /** @type {SearchResult} */ { id, name }) {
	const { more, less } = current;
	const others = {
		more: more.filter((each) => each !== id),
		less: less.filter((each) => each !== id),
	};
	// A region belongs to a single example.
	navigate({ ...others, [side]: [...others[side], id], region: null });
	announce(`Searching for ${side} like ${name}`);
}

async function openOriginal(/** @type {SearchResult} */ { links }) {
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
