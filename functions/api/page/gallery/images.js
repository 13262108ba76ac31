// Loads stored pictures into <img>: by a signed link of the bucket, or through the API. That needs
// the API key if there is one, which a browser cannot send by itself. Depends on api, dom, gallery
// and key.

import { el } from '../frame/dom.js';
import { getKey, keyChanges } from '../frame/key.js';
import { call, pause } from './api.js';
import { safeUrl } from './gallery.js';

const MAX_CACHED = 400;
const MAX_ORIGINALS = 12; // of some megabytes each
const PARALLEL = 3; // thumbnails fetched at once, each of which takes a function on AWS
const MOST_TRIES = 5; // by the browser itself
/** @type {Map<string, string>} */
const blobUrls = new Map();
/** @type {Map<string, string>} */
const originals = new Map();
/** @type {WeakMap<Element, string>} */
const waiting = new WeakMap(); // <img> -> URL to load

keyChanges.addEventListener('change', () => {
	for (const cache of [blobUrls, originals]) {
		for (const url of cache.values()) URL.revokeObjectURL(url);
		cache.clear();
	}
});

// Drawn in place of the browser's sign for a broken picture; grey that shows on every background.
const PLACEHOLDER = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320" viewBox="-12 -12 48 48"
fill="none" stroke="#8d867b" stroke-width="1.2" stroke-linecap="round" stroke-linejoin="round">
<path d="M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 9.5h.01"/></svg>`;
let placeholder = '';

// What a browser cannot show, or the gallery cannot send, is drawn as a picture without content.
export function showPlaceholder(/** @type {HTMLImageElement} */ img) {
	placeholder ||= URL.createObjectURL(new Blob([PLACEHOLDER], { type: 'image/svg+xml' }));
	img.onerror = img.onload = null;
	img.classList.add('broken');
	img.src = placeholder;
}

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
				() => showPlaceholder(img),
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

// Load the thumbnail once the <img> comes near the view; a placeholder if that fails.
export function showThumbnail(
	/** @type {HTMLImageElement} */ img,
	/** @type {GalleryImage} */ { links },
) {
	const url = safeUrl(links.thumbnail);
	img.decoding = 'async';
	img.loading = 'lazy';
	img.classList.remove('broken');
	if (links.signed_thumbnail) {
		// The bucket may have none yet, or the link may have expired: the API makes one.
		img.onerror = () => showThroughApi(img, url);
		img.src = safeUrl(links.signed_thumbnail);
	} else showThroughApi(img, url);
	return img;
}

function showThroughApi(/** @type {HTMLImageElement} */ img, /** @type {string} */ url) {
	if (needsKey(url)) {
		img.onerror = () => showPlaceholder(img);
		waiting.set(img, url);
		observer.observe(img);
		return;
	}
	let tries = 1;
	img.onerror = async () => {
		if (tries === MOST_TRIES) return showPlaceholder(img);
		await pause(tries);
		tries += 1;
		if (img.src === url) img.src = url; // the original may have taken its place
	};
	img.src = url;
}

// A URL that the browser can open without the key.
export async function originalUrl(/** @type {string} */ link) {
	const url = safeUrl(link);
	return needsKey(url) ? blobUrl(url, originals, MAX_ORIGINALS) : url;
}

async function blobUrl(/** @type {string} */ url, cache = blobUrls, most = MAX_CACHED) {
	if (!cache.has(url)) {
		const blob = await call('GET', url, { asBlob: true, quiet: true });
		cache.set(url, URL.createObjectURL(blob));
		const [oldest] = cache.keys();
		if (cache.size > most) {
			URL.revokeObjectURL(cache.get(oldest) ?? '');
			cache.delete(oldest);
		}
	}
	return cache.get(url) ?? '';
}
