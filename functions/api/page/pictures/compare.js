// Two stored pictures next to each other, in the viewer. Loaded when used. Depends on viewer.

import { openViewer } from './viewer.js';

/**
 * @param {GalleryImage} image
 * @param {GalleryImage} [other]
 */
export function compare(image, other) {
	/** @type {ViewerItem} */
	const item = { image: { ...image, similarity: undefined }, actions: [] }; // not of this pair
	openViewer(item, () => [item], { comparing: true, other });
}
