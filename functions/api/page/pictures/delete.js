// Deletes pictures after asking. Loaded when used.
// Depends on api, dialogs, dom, gallery, images, search, text and words.

import { openDialog, toast } from '../frame/dialogs.js';
import { bdi, button, el } from '../frame/dom.js';
import { call } from '../gallery/api.js';
import { galleryChanged, inPlace } from '../gallery/gallery.js';
import { thumbnail } from '../gallery/images.js';
import { clearResults } from '../gallery/search.js';
import { describeError } from '../words/text.js';
import { words } from '../words/words.js';

export async function deleteResult(
	/** @type {GalleryImage} */ image,
	/** @type {HTMLElement} */ tile,
) {
	const text = words.pictures.deletion;
	const question = el(
		'div',
		{ class: 'deletion' },
		thumbnail(image, '', 96),
		el('p', {}, bdi(image.name), inPlace ? text.staysInPlace : text.gone),
	);
	if (!(await confirmDeletion(text.question, [question]))) return;
	try {
		await call('DELETE', `v1/images/${encodeURIComponent(image.id)}`);
	} catch (error) {
		const { title, text } = describeError(error);
		if (error.code !== 'image-not-found') return toast(`${title}. ${text}`);
	}
	clearResults([image.id]);
	const next = tile.nextElementSibling ?? tile.previousElementSibling;
	tile.remove();
	galleryChanged('deleted');
	/** @type {HTMLElement | null | undefined} */
	const focused = next?.querySelector('a, button');
	focused?.focus({ preventScroll: true });
	toast(text.done);
}

// Ask before something that cannot be undone.
/** @type {(title: string, content: Children) => Promise<boolean>} */
export function confirmDeletion(title, content) {
	return new Promise((resolve) => {
		const { cancel, accept } = words.pictures.deletion;
		let confirmed = false;
		const onclick = () => {
			confirmed = true;
			dialog.close();
		};
		const buttons = el(
			'div',
			{ class: 'row end' },
			button(cancel, () => dialog.close(), { autofocus: true }),
			button(accept, onclick, { kind: 'danger' }),
		);
		const dialog = openDialog(title, [...content, buttons], { onclose: () => resolve(confirmed) });
	});
}
