// Two pictures side by side in a dialog. Loaded when used.
// Depends on api, dialogs, dom, full-image, gallery, likeness, local-pictures, state and text.

import { openDialog } from '../frame/dialogs.js';
import { bdi, el } from '../frame/dom.js';
import { current } from '../frame/state.js';
import { post } from '../gallery/api.js';
import { getImage } from '../gallery/gallery.js';
import { likenessMark, likenessSentence, SEES_LAYOUT } from '../gallery/likeness.js';
import { base64, getPicture, preparePicture } from '../gallery/local-pictures.js';
import { describeError, percent } from '../words/text.js';
import { fullImage } from './full-image.js';

/**
 * @param {GalleryImage} image
 * @param {GalleryImage} [other] - without it, the query
 */
export async function compare(image, other) {
	const verdict = el('div', { class: 'verdict', role: 'status' }, el('p', {}, 'Comparing…'));
	const left = el('figure');
	const right = figureOf(image);
	const pair = el('div', { class: 'pair' }, left, right);
	const closing = new AbortController();
	const { signal } = closing;
	openDialog('Side by side', [verdict, pair], { kind: 'wide', onclose: () => closing.abort() });
	try {
		const example = await showOther(left, other, signal);
		const body = { a: example, b: { id: image.id } };
		verdict.replaceChildren(...describe(await post('v1/compare', body, { signal })));
	} catch (error) {
		if (signal.aborted) return;
		const { title, text } = describeError(error);
		verdict.replaceChildren(el('p', {}, `${title}. ${text}`));
	}
}

const figureOf = (/** @type {GalleryImage} */ image) =>
	el('figure', {}, fullImage(image), el('figcaption', {}, bdi(image.name)));

/**
 * Show what the image is compared with, and return it as an example for the API.
 * @param {HTMLElement} figure
 * @param {GalleryImage | undefined} other
 * @param {AbortSignal} signal
 */
async function showOther(figure, other, signal) {
	const picture = other || !current.upload ? null : getPicture(current.upload);
	if (picture) {
		const alt = 'The picture you are searching with';
		figure.append(
			el('img', { src: picture.preview, alt }),
			el('figcaption', {}, bdi(picture.name)),
		);
		return { image: await base64(await preparePicture(picture, null, signal)) };
	}
	const image = other ?? (await getImage(current.id ?? current.more[0]));
	figure.append(...figureOf(image).childNodes);
	return { id: image.id };
}

// The decision first, then what is known besides it, nothing that seems to contradict it.
function describe(/** @type {Comparison} */ comparison) {
	const match = `Match in a search: ${percent(comparison.similarity)}.`;
	return [
		el('p', { class: 'decision' }, likenessMark(comparison, likenessSentence(comparison))),
		el('p', { class: 'muted' }, [match, ...reasons(comparison)].join(' ')),
	];
}

function reasons(/** @type {Comparison} */ { matched, hash_distance }) {
	if (matched === 'same-bytes') return [];
	const layout = matched === null || matched === 'lookalike' ? [SEES_LAYOUT] : [];
	if (hash_distance === null) return ['Too little detail to tell copies.', ...layout];
	const asStored = matched === 'turned' ? 'Unturned, their' : 'Their';
	return [`${asStored} fingerprints differ in ${hash_distance} of 256 bits.`, ...layout];
}
