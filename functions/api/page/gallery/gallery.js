// What the page knows about its gallery: limits, permissions, images by id.
// Depends on api and key.

import { keyChanges } from '../frame/key.js';
import { get } from './api.js';

export const galleryChanges = new EventTarget(); // "change" after this page added or deleted pictures
// The pictures stay in their folder: none can be added, and deleting only removes it from here.
export const inPlace = 'inPlace' in document.documentElement.dataset;
const SCOPES = ['read', 'write', 'admin']; // each includes those before it
/** @type {Promise<Limits> | null} */
let limits = null;
/** @type {Map<string, GalleryImage>} */
const images = new Map();

keyChanges.addEventListener('change', () => {
	limits = null;
});

/** @type {(options?: CallOptions) => Promise<Limits>} */
export function getLimits(options) {
	limits ??= get('v1/limits', options).catch((error) => {
		limits = null;
		throw error;
	});
	return limits;
}

// Whether the key allows this; false if that cannot be found out.
export async function can(/** @type {Scope} */ scope) {
	const limits = await getLimits().catch(() => null);
	return limits !== null && SCOPES.indexOf(limits.scope) >= SCOPES.indexOf(scope);
}

export const canAdd = async () => !inPlace && can('write');

// The formats that the gallery reads, if the error is about them.
/** @type {(error: ApiFailure) => Promise<string[]>} */
export const formatsFor = async ({ code }) =>
	code === 'unsupported-format' ? ((await getLimits().catch(() => null))?.formats ?? []) : [];

export const galleryChanged = (/** @type {'added' | 'deleted'} */ detail) =>
	galleryChanges.dispatchEvent(new CustomEvent('change', { detail }));

export function rememberImages(/** @type {GalleryImage[]} */ some) {
	for (const image of some) images.set(image.id, image);
}

/** @returns {Promise<GalleryImage>} */
export async function getImage(/** @type {string} */ id) {
	const image = images.get(id) ?? (await get(`v1/images/${encodeURIComponent(id)}`));
	images.set(id, image);
	return image;
}

// A link from the API that is safe to open.
export function safeUrl(/** @type {string} */ link) {
	const url = new URL(link, location.origin);
	return ['http:', 'https:'].includes(url.protocol) ? url.href : '#';
}
