// Pictures to search with that only this tab has: kept by number, shrunk before they are sent.
// Depends on api, gallery, kept-pictures, text and words.

import { fileSize } from '../words/text.js';
import { words } from '../words/words.js';
import { ApiError } from './api.js';
import { getLimits } from './gallery.js';
import { keep, kept } from './kept-pictures.js';

// The gallery uses about 370 pixels of the short side (model/card.json) and itself halves what is
// larger. Halved here, never below twice that, it sees nearly the same: of 50 large pictures among
// 474 others 9.6 of the ten nearest stayed, and those that were new were within 0.01 of the tenth.
const SHORT_SIDE_PX = 748;
const JPEG_QUALITIES = [0.87, 0.75, 0.6]; // the first that is small enough
const SMALL_BYTES = 400_000; // smaller files are sent unchanged

/** @type {Map<number, LocalPicture>} */
const pictures = new Map();

// Keep a file; the number stands for it in the state.
export function keepPicture(/** @type {File} */ file) {
	const number = Date.now() * 100 + (pictures.size % 100);
	remember(number, file);
	keep(number, file);
	return number;
}

export const getPicture = (/** @type {number} */ number) => pictures.get(number);

// The picture, if need be from before a reload; null if it is gone.
/** @type {(number: number) => Promise<LocalPicture | null>} */
export async function findPicture(number) {
	const known = getPicture(number);
	if (known) return known;
	const file = await kept(number);
	return file && (getPicture(number) ?? remember(number, file));
}

function remember(/** @type {number} */ number, /** @type {File} */ file) {
	const name = file.name || words.search.pastedPicture;
	const picture = { file, name, preview: URL.createObjectURL(file) };
	pictures.set(number, picture);
	return picture;
}

// What to send of a picture, or of a region of it, which is cropped here to keep all its detail.
/** @type {(picture: LocalPicture, region: Region | null, signal?: AbortSignal) => Promise<Blob>} */
export async function preparePicture({ file }, region, signal) {
	const { max_body_bytes: maxBytes } = await getLimits();
	if (!file.size) throw new ApiError('empty-picture', { status: 400 });
	if (!region && file.size <= Math.min(SMALL_BYTES, maxBytes)) return file;
	const bitmap = await decode(file);
	signal?.throwIfAborted();
	if (!bitmap) {
		if (file.size <= maxBytes && !region) return file; // HEIC, perhaps: the gallery may read it
		const detail = words.search.cannotShrink(fileSize(maxBytes));
		throw new ApiError('picture-too-large', { status: 413, detail });
	}
	const { background, contrast } = chooseBackground(bitmap);
	if (contrast < 1 && file.size <= maxBytes && !region) {
		bitmap.close();
		return file; // an animation, perhaps: the gallery looks for a frame that shows something
	}
	const blob = await shrink(bitmap, region ?? { x: 0, y: 0, width: 1, height: 1 }, background);
	bitmap.close();
	signal?.throwIfAborted();
	return !region && blob.size >= file.size && file.size <= maxBytes ? file : blob;
}

// Upright and in sRGB, as the gallery itself opens it.
const decode = (/** @type {File} */ file) =>
	createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => null);

// The background that shows what is not transparent, as the gallery chooses it
// (pictures/transparency.py): white, or black if the contrast on white is below a tenth of that.
function chooseBackground(/** @type {ImageBitmap} */ bitmap) {
	const canvas = new OffscreenCanvas(32, 32);
	const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
	context.imageSmoothingQuality = 'high';
	context.drawImage(bitmap, 0, 0, 32, 32);
	const { data } = context.getImageData(0, 0, 32, 32);
	const on = (/** @type {number} */ level) => {
		let variance = 0;
		for (let channel = 0; channel < 3; channel++) {
			let sum = 0;
			let squares = 0;
			for (let at = 0; at < data.length; at += 4) {
				const opacity = data[at + 3] / 255;
				const value = data[at + channel] * opacity + level * (1 - opacity);
				sum += value;
				squares += value * value;
			}
			variance += squares / 1024 - (sum / 1024) ** 2;
		}
		return Math.sqrt(Math.max(0, variance) / 3);
	};
	const white = on(255);
	const black = on(0);
	return white < 0.1 * black
		? { background: '#000', contrast: black }
		: { background: '#fff', contrast: white };
}

// Draw part of a picture, at half its size if that is large enough. The browser smooths over two by
// two pixels, which at a half is exactly their mean.
/** @type {(source: CanvasImageSource, background: string, ...part: [number, number, number, number]) => OffscreenCanvas} */
function draw(source, background, x, y, width, height) {
	const factor = Math.min(width, height) >= 2 * SHORT_SIDE_PX ? 2 : 1;
	const pixels = (/** @type {number} */ side) => Math.max(1, Math.ceil(side / factor));
	const canvas = new OffscreenCanvas(pixels(width), pixels(height));
	const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
	context.fillStyle = background;
	context.fillRect(0, 0, canvas.width, canvas.height);
	context.drawImage(source, x, y, width, height, 0, 0, canvas.width, canvas.height);
	return canvas;
}

/** @type {(bitmap: ImageBitmap, region: Region, background: string) => Promise<Blob>} */
async function shrink(bitmap, region, background) {
	const { width, height } = bitmap;
	let canvas = draw(
		bitmap,
		background,
		region.x * width,
		region.y * height,
		region.width * width,
		region.height * height,
	);
	while (Math.min(canvas.width, canvas.height) >= 2 * SHORT_SIDE_PX) {
		canvas = draw(canvas, background, 0, 0, canvas.width, canvas.height);
	}
	let blob = new Blob();
	for (const quality of JPEG_QUALITIES) {
		blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
		if (blob.size <= SMALL_BYTES) break;
	}
	return blob;
}

export async function base64(/** @type {Blob} */ blob) {
	const bytes = new Uint8Array(await blob.arrayBuffer());
	let text = '';
	for (let i = 0; i < bytes.length; i += 8192) {
		text += String.fromCharCode(...bytes.subarray(i, i + 8192));
	}
	return btoa(text);
}
