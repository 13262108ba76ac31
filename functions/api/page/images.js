// Loads stored pictures into <img>. With an API key the browser cannot do that itself, so they are
// fetched with it. Depends on api, dom, gallery and key.

import { call } from './api.js';
import { el } from './dom.js';
import { safeUrl } from './gallery.js';
import { getKey, keyChanges } from './key.js';

const MAX_CACHED = 400;
/** @type {Map<string, string>} */
const blobUrls = new Map();
/** @type {WeakMap<Element, string>} */
const waiting = new WeakMap(); // <img> -> URL to load

keyChanges.addEventListener('change', () => {
	for (const url of blobUrls.values()) URL.revokeObjectURL(url);
	blobUrls.clear();
});

export const needsKey = (/** @type {string} */ url) =>
	getKey() && new URL(url, location.origin).origin === location.origin;

const observer = new IntersectionObserver(
	(entries) => {
		for (const { isIntersecting, target } of entries) {
			if (!isIntersecting) continue;
			observer.unobserve(target);
			blobUrl(waiting.get(target) ?? '').then(
				(url) => target.setAttribute('src', url),
				() => target.classList.add('broken'),
			);
		}
	},
	{ rootMargin: '400px' },
);

// An <img> of a thumbnail. `size` in pixels is the space it takes while loading.
/** @type {(image: GalleryImage, alt?: string, size?: number) => HTMLImageElement} */
export const thumbnail = (image, alt = image.name, size = 320) =>
	showThumbnail(el('img', { alt, width: size, height: size }), image);

// Load the thumbnail once the <img> comes near the view; it gets the class "broken" if that fails.
export function showThumbnail(
	/** @type {HTMLImageElement} */ img,
	/** @type {GalleryImage} */ { links },
) {
	const url = safeUrl(links.thumbnail);
	img.decoding = 'async';
	img.onload = () => img.classList.remove('broken');
	img.onerror = () => img.classList.add('broken');
	if (needsKey(url)) {
		waiting.set(img, url);
		observer.observe(img);
	} else {
		img.loading = 'lazy';
		img.src = url;
	}
	return img;
}

// A URL that the browser can open without the key.
export async function originalUrl(/** @type {string} */ link) {
	const url = safeUrl(link);
	return needsKey(url) ? blobUrl(url) : url;
}

async function blobUrl(/** @type {string} */ url) {
	if (!blobUrls.has(url)) {
		const blob = await call('GET', url, { asBlob: true, quiet: true });
		blobUrls.set(url, URL.createObjectURL(blob));
		const [oldest] = blobUrls.keys();
		if (blobUrls.size > MAX_CACHED) {
			URL.revokeObjectURL(blobUrls.get(oldest) ?? '');
			blobUrls.delete(oldest);
		}
	}
	return blobUrls.get(url) ?? '';
}
