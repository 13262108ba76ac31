// What a picture is compared with, and the gallery's decision about the two.
// Depends on api, dom, gallery, images, likeness, local-pictures, state, text and words.

import { bdi, el } from '../frame/dom.js';
import { current } from '../frame/state.js';
import { post } from '../gallery/api.js';
import { getImage } from '../gallery/gallery.js';
import { showPlaceholder } from '../gallery/images.js';
import { likenessMark, likenessSentence, SEES_LAYOUT } from '../gallery/likeness.js';
import { base64, getPicture, preparePicture } from '../gallery/local-pictures.js';
import { describeError, percent } from '../words/text.js';
import { words } from '../words/words.js';
import { fullPicture } from './full-picture.js';

// Show what the picture is compared with, the other or else the query; returns an example for the API.
/** @type {(figure: HTMLElement, other: GalleryImage | undefined, onpreview: () => void, signal: AbortSignal) => Promise<object>} */
export async function showOther(figure, other, onpreview, signal) {
	const picture = other || !current.upload ? null : getPicture(current.upload);
	if (picture) {
		const img = el('img', { alt: words.pictures.query, draggable: 'false' });
		img.onerror = () => {
			showPlaceholder(img);
			onpreview();
		};
		img.src = picture.preview;
		figure.replaceChildren(img, el('figcaption', {}, bdi(picture.name)));
		return { image: await base64(await preparePicture(picture, null, signal)) };
	}
	const image = other ?? (await getImage(current.id ?? current.more[0]));
	figure.replaceChildren(fullPicture(image, onpreview), el('figcaption', {}, bdi(image.name)));
	return { id: image.id };
}

// The decision first, then what is known besides it, nothing that seems to contradict it.
/** @type {(example: object, id: string, signal: AbortSignal) => Promise<HTMLElement[]>} */
export async function verdict(example, id, signal) {
	const text = words.pictures.comparing;
	try {
		/** @type {Comparison} */
		const comparison = await post('v1/compare', { a: example, b: { id } }, { signal });
		const match = text.match(percent(comparison.similarity));
		return [
			el('p', { class: 'decision' }, likenessMark(comparison, likenessSentence(comparison))),
			el('p', { class: 'muted' }, [match, ...reasons(comparison)].join(' ')),
		];
	} catch (error) {
		signal.throwIfAborted();
		const { title, text } = describeError(error);
		return [el('p', {}, `${title}. ${text}`)];
	}
}

function reasons(/** @type {Comparison} */ { matched, hash_distance }) {
	const text = words.pictures.comparing;
	if (matched === 'same-bytes') return [];
	const layout = matched === null || matched === 'lookalike' ? [SEES_LAYOUT] : [];
	if (hash_distance === null) return [text.tooLittle, ...layout];
	const bits = matched === 'turned' ? text.bitsTurned : text.bits;
	return [bits(hash_distance), ...layout];
}
