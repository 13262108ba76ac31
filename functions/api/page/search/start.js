// The start view: ways to choose a picture, and some of the gallery's own to try.
// Depends on api, dialogs, dom, gallery, images, key, local-pictures, state, text and words.

import { toast } from '../frame/dialogs.js';
import { $, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { linkTo, showView, startSearch } from '../frame/state.js';
import { get } from '../gallery/api.js';
import { canAdd, inPlace } from '../gallery/gallery.js';
import { thumbnail } from '../gallery/images.js';
import { keepPicture } from '../gallery/local-pictures.js';
import { count, describeError } from '../words/text.js';
import { words } from '../words/words.js';

const text = words.search.start;
const SAMPLES = 8;

// Search with the first of these files; `addAll` adds all of them instead.
export function searchWith(/** @type {File[]} */ files, addAll = () => showView('add')) {
	const [file] = files;
	if (!file) return;
	if (files.length > 1) {
		const add = inPlace ? null : button(text.addInstead, addAll);
		toast(text.onlyFirst(count(files.length, 'picture')), add);
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
		const { images } = await get(`v1/images?sort=-added_at&limit=${SAMPLES}`);
		samples.replaceChildren(...(images.length ? sampleStrip(images) : await emptyGallery()));
	} catch (error) {
		const message = describeError(error);
		const needsKey = error.code.startsWith('key-');
		const enterKey = async () => (await askForKey(message.text)) && showSamples();
		const retry = needsKey
			? button(text.enterKey, enterKey, { kind: 'secondary', icon: 'key' })
			: button(text.tryAgain, showSamples, { kind: 'secondary', icon: 'retry' });
		samples.replaceChildren(messageCard(message, [retry]));
	}
}

const sampleStrip = (/** @type {GalleryImage[]} */ images) => [
	el('h2', {}, text.samples),
	el(
		'ul',
		{ class: 'strip' },
		images.map((image) => {
			const onclick = (/** @type {MouseEvent} */ event) => {
				if (event.ctrlKey || event.metaKey || event.shiftKey) return;
				event.preventDefault();
				startSearch({ id: image.id });
			};
			const href = linkTo({ id: image.id });
			const img = thumbnail(image, text.searchWith(image.name));
			return el('li', {}, el('a', { class: 'sample', href, onclick }, img));
		}),
	),
];

async function emptyGallery() {
	const add = button(text.addPictures, () => showView('add'), { kind: 'secondary', icon: 'plus' });
	return [messageCard(words.gallery.empty, [(await canAdd()) && add])];
}
