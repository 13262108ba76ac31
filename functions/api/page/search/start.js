// The start view: ways to choose a picture, and some of the gallery's own to try.
// Depends on api, dialogs, dom, gallery, images, key, local-pictures, state and text.

import { toast } from '../frame/dialogs.js';
import { $, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { showView, startSearch } from '../frame/state.js';
import { get } from '../gallery/api.js';
import { can } from '../gallery/gallery.js';
import { thumbnail } from '../gallery/images.js';
import { keepPicture } from '../gallery/local-pictures.js';
import { describeError } from '../words/text.js';
import { words } from '../words/words.js';

const SAMPLES = 8;

// Search with the first of these files.
export function searchWith(/** @type {File[]} */ files) {
	const [file] = files;
	if (!file) return;
	if (files.length > 1) {
		const add = button('Add them instead', () => showView('add'));
		toast(`Searching with the first of ${files.length} pictures.`, add);
	}
	startSearch({ upload: keepPicture(file) });
	scrollTo({ top: 0 });
}

export function listenForFiles() {
	for (const [buttonId, fieldId] of [
		['#choose', '#file'],
		['#camera', '#shot'],
	]) {
		/** @type {HTMLInputElement} */
		const field = $(fieldId);
		$(buttonId).onclick = () => field.click();
		field.onchange = () => {
			searchWith([...(field.files ?? [])]);
			field.value = '';
		};
	}
	$('#target').onclick = ({ target }) => {
		if (!(/** @type {Element} */ (target).closest('button, input'))) $('#file').click();
	};
}

export async function showSamples() {
	const samples = $('#samples');
	try {
		const { images } = await get(`v1/images?limit=${SAMPLES}`);
		samples.replaceChildren(...(images.length ? sampleStrip(images) : await emptyGallery()));
	} catch (error) {
		const message = describeError(error);
		const needsKey = error.code.startsWith('key-');
		const enterKey = async () => (await askForKey(message.text)) && showSamples();
		const retry = needsKey
			? button('Enter a key', enterKey, { kind: 'secondary', icon: 'key' })
			: button('Try again', showSamples, { kind: 'secondary', icon: 'retry' });
		samples.replaceChildren(messageCard(message, [retry]));
	}
}

const sampleStrip = (/** @type {GalleryImage[]} */ images) => [
	el('h2', {}, 'Or start with one of these'),
	el(
		'ul',
		{ class: 'strip' },
		images.map((image) => {
			const onclick = () => startSearch({ id: image.id });
			const img = thumbnail(image, `Search with ${image.name}`);
			return el('li', {}, el('button', { type: 'button', class: 'sample', onclick }, img));
		}),
	),
];

async function emptyGallery() {
	const add = button('Add pictures', () => showView('add'), { kind: 'secondary', icon: 'plus' });
	return [messageCard(words.gallery.empty, [(await can('write')) && add])];
}
