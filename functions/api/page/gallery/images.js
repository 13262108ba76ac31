// Loads stored pictures into <img>: by a signed link of the bucket, or through the API. That needs
// the API key if there is one, which a browser cannot send by itself. Depends on api, dom, gallery
// and key.

import { el } from '../frame/dom.js';
import { getKey, keyChanges } from '../frame/key.js';
import { call, pause } from './api.js';
import { safeUrl } from './gallery.js';

const MAX_CACHED = 400;
const PARALLEL = 3; // thumbnails fetched at once, each of which takes a function on AWS
const MOST_TRIES = 5; // by the browser itself
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
			queue.push(/** @type {HTMLImageElement} */ (target));
		}
		fetchNext();
	},
	{ rootMargin: '400px' },
);
/** @type {HTMLImageElement[]} */
const queue = [];
let active = 0;

function fetchNext() {
	while (active < PARALLEL) {
		const img = queue.find((each) => each.isConnected) ?? queue[0];
		if (!img) return;
		queue.splice(queue.indexOf(img), 1);
		active += 1;
		blobUrl(waiting.get(img) ?? '')
			.then(
				(url) => {
					img.src = url;
				},
				() => img.classList.add('broken'),
			)
			.finally(() => {
				active -= 1;
				fetchNext();
			});
	}
}

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
	img.loading = 'lazy';
	img.onload = () => img.classList.remove('broken');
	if (links.signed_thumbnail) {
		// The bucket may have none yet, or the link may have expired: the API makes one.
		img.onerror = () => showThroughApi(img, url);
		img.src = safeUrl(links.signed_thumbnail);
	} else showThroughApi(img, url);
	return img;
}

function showThroughApi(/** @type {HTMLImageElement} */ img, /** @type {string} */ url) {
	if (needsKey(url)) {
		img.onerror = () => img.classList.add('broken');
		waiting.set(img, url);
		observer.observe(img);
		return;
	}
	let tries = 1;
	img.onerror = async () => {
		if (tries === MOST_TRIES) return img.classList.add('broken');
		await pause(tries);
		tries += 1;
		if (img.src === url) img.src = url; // the original may have taken its place
	};
	img.src = url;
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
