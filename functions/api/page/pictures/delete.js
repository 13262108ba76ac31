// Deletes pictures after asking. Loaded when used.
// Depends on api, dialogs, dom, images, search and text.

import { openDialog, toast } from '../frame/dialogs.js';
import { bdi, button, el } from '../frame/dom.js';
import { call } from '../gallery/api.js';
import { thumbnail } from '../gallery/images.js';
import { clearResults } from '../gallery/search.js';
import { describeError } from '../words/text.js';

export async function deleteResult(
	/** @type {SearchResult} */ result,
	/** @type {HTMLElement} */ tile,
) {
	const question = el(
		'div',
		{ class: 'deletion' },
		thumbnail(result, '', 96),
		el('p', {}, bdi(result.name), ' and its original will be deleted permanently.'),
	);
	if (!(await confirmDeletion('Delete this picture?', [question]))) return;
	try {
		await call('DELETE', `v1/images/${encodeURIComponent(result.id)}`);
	} catch (error) {
		const { title, text } = describeError(error);
		if (error.code !== 'image-not-found') return toast(`${title}. ${text}`);
	}
	clearResults([result.id]);
	const next = tile.nextElementSibling ?? tile.previousElementSibling;
	tile.remove();
	next?.querySelector('button')?.focus({ preventScroll: true });
	toast('Picture deleted.');
}

// Ask before something that cannot be undone.
/** @type {(title: string, content: Children) => Promise<boolean>} */
export function confirmDeletion(title, content) {
	return new Promise((resolve) => {
		let confirmed = false;
		const cancel = button('Cancel', () => dialog.close(), { autofocus: true });
		const accept = button(
			'Delete',
			() => {
				confirmed = true;
				dialog.close();
			},
			{ kind: 'danger' },
		);
		const buttons = el('div', { class: 'row end' }, cancel, accept);
		const dialog = openDialog(title, [...content, buttons], { onclose: () => resolve(confirmed) });
	});
}
