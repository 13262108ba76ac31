// Adds one picture through the API. Depends on api.

import { call } from './api.js';

const MOST_NAMES = 20;

/**
 * @param {{ file: File, name?: string | null, metadata?: Metadata, overwrite?: boolean }} picture
 * @param {CallOptions} [options]
 */
export function sendPicture({ file, name, metadata = {}, overwrite = false }, options = {}) {
	const form = new FormData();
	form.append('image', file, 'picture');
	if (name) form.append('name', name);
	if (Object.keys(metadata).length) form.append('metadata', JSON.stringify(metadata));
	if (overwrite) form.append('overwrite', 'true');
	return call('POST', 'v1/images', { form, ...options });
}

// Under the name of its file; if another picture has it, as `shoe (2).jpg`.
export async function addFile(/** @type {File} */ file) {
	const name = isPasted(file) ? null : file.name.normalize('NFC');
	for (let number = 2; ; number += 1) {
		const tried = number > 2 ? name?.replace(/(\.\w+)?$/, ` (${number - 1})$1`) : name;
		try {
			return await sendPicture({ file, name: tried });
		} catch (error) {
			if (error.code !== 'name-taken' || number > MOST_NAMES) throw error;
		}
	}
}

// Browsers call every picture on the clipboard image.png.
const isPasted = (/** @type {File} */ { name }) => !name || name === 'image.png';
