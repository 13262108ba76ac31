// A stored picture in full. Loaded when used. Depends on dom and images.

import { el } from '../frame/dom.js';
import { originalUrl, showThumbnail } from '../gallery/images.js';

// The thumbnail first, then the original in its place if the browser can show that.
export function fullImage(/** @type {GalleryImage} */ image) {
	const { name: alt, width, height, links } = image;
	const img = showThumbnail(el('img', { alt, width, height }), image);
	const original = new Image();
	original.onload = () => {
		img.src = original.src;
	};
	originalUrl(links.original).then(
		(url) => {
			original.src = url;
		},
		() => {},
	);
	return img;
}
