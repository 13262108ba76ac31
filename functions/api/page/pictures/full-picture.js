// A stored picture in full. Loaded when used. Depends on dom, gallery and images.

import { el } from '../frame/dom.js';
import { getLimits } from '../gallery/gallery.js';
import { originalUrl, showThumbnail } from '../gallery/images.js';

const EVERY_BROWSER = /^image\/(jpeg|png|gif|webp|avif|bmp)$/;

// The thumbnail first, then the original in its place. `onpreview` is called with the format if this
// browser cannot show it, so that the thumbnail stays.
/** @type {(image: GalleryImage, onpreview: (format: string) => void) => HTMLImageElement} */
export function fullPicture(image, onpreview) {
	const { name: alt, width, height, links } = image;
	const img = showThumbnail(el('img', { alt, width, height, draggable: 'false' }), image);
	const format = (image.name.match(/\.(\w{1,5})$/)?.[1] ?? '').toUpperCase();
	const original = new Image();
	original.onload = () => {
		img.onerror = null;
		img.classList.remove('broken');
		img.src = original.src;
	};
	original.onerror = () => onpreview(format);
	canBeShown(image.name).then(async (shown) => {
		if (!shown) return onpreview(format);
		original.src = await originalUrl(links.original);
	}, original.onerror);
	return img;
}

// Without asking for a large file that nothing comes of: a raw photo has 30 MB.
async function canBeShown(/** @type {string} */ name) {
	const { file_types: types } = await getLimits();
	const ends = (/** @type {string} */ suffix) => name.toLowerCase().endsWith(suffix);
	const type = types.find(({ suffixes }) => suffixes.some(ends))?.media_type;
	if (!type || EVERY_BROWSER.test(type)) return true;
	const decoder = /** @type {any} */ (globalThis).ImageDecoder; // only with HTTPS
	return decoder ? /** @type {Promise<boolean>} */ (decoder.isTypeSupported(type)) : true;
}
