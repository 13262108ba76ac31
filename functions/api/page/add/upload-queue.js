// Uploads many pictures, several at a time, and keeps the state of each.
// Depends on api, gallery and text.

import { ApiError, call, post, retryWhileStarting } from '../gallery/api.js';
import { formatsFor, getLimits } from '../gallery/gallery.js';
import { describeError, describeFlaws, fileSize } from '../words/text.js';

const PARALLEL = 3;
/** @type {UploadItem[]} */
const items = [];
/** @type {(item: UploadItem) => void} */
let notify = () => {};
let active = 0;

export const onItemChange = (/** @type {typeof notify} */ listener) => {
	notify = listener;
};
export const allItems = () => items;
export const isUploading = () => active > 0;

/**
 * @param {NamedFile[]} files
 * @param {{ prefix: string, metadata: Metadata }} labels - for all of them
 */
export function enqueue(files, { prefix, metadata }) {
	/** @type {UploadItem[]} */
	const added = files.map(({ file, name }) => ({
		file,
		metadata,
		name: name && (prefix + name).normalize('NFC'),
		state: 'waiting',
		detail: '',
	}));
	items.push(...added);
	for (const item of added) notify(item);
	start();
	return added;
}

export function retry(some = items.filter(({ state }) => state === 'failed')) {
	for (const item of some) update(item, { state: 'waiting', detail: '' });
	start();
}

export function replace(/** @type {UploadItem} */ item) {
	item.overwrite = true;
	retry([item]);
}

export function clearFinished() {
	const open = items.filter(({ state }) => state === 'waiting' || state === 'uploading');
	items.splice(0, items.length, ...open);
}

export const countStates = () => {
	/** @type {Partial<Record<UploadState, number>>} */
	const counts = {};
	for (const { state } of items) counts[state] = (counts[state] ?? 0) + 1;
	return counts;
};

addEventListener('online', () => retry());
addEventListener('beforeunload', (event) => {
	if (isUploading()) event.preventDefault();
});

function update(/** @type {UploadItem} */ item, /** @type {Partial<UploadItem>} */ changes) {
	notify(Object.assign(item, changes));
}

function start() {
	while (active < PARALLEL) {
		const item = items.find(({ state }) => state === 'waiting');
		if (!item) return;
		active += 1;
		update(item, { state: 'uploading', uploaded: 0 });
		upload(item).finally(() => {
			active -= 1;
			notify(item);
			start();
		});
	}
}

async function upload(/** @type {UploadItem} */ item) {
	const onWait = () => update(item, { detail: 'The gallery is starting up…' });
	try {
		const added = await retryWhileStarting(() => send(item), { onWait, attempts: 4 });
		const { status, image, near_duplicates: near = [] } = added;
		Object.assign(item, { state: status, image, near, detail: describeFlaws(image.flaws) });
	} catch (error) {
		const { title, text } = describeError(error, await formatsFor(error));
		const { status, code } = error;
		const final = status >= 400 && status < 500 && status !== 429 && !code.startsWith('key-');
		item.nameTaken = code === 'name-taken';
		item.state = final ? 'rejected' : 'failed';
		item.detail = item.nameTaken ? 'Another picture has this name.' : `${title}. ${text}`;
	}
}

async function send(/** @type {UploadItem} */ item) {
	const { file, name, metadata, overwrite } = item;
	const onUploadProgress = (/** @type {number} */ uploaded) => update(item, { uploaded });
	const { max_body_bytes: maxBody, max_bytes: maxFile, uploads } = await getLimits();
	const limit = uploads ? maxFile : maxBody;
	if (file.size > maxBody && file.size > limit) {
		const detail = `It is ${fileSize(file.size)}; the limit is ${fileSize(limit)}.`;
		throw new ApiError('picture-too-large', { status: 413, detail });
	}
	if (file.size > maxBody) return sendToBucket(item, onUploadProgress);
	const form = new FormData();
	form.append('image', file, 'picture');
	if (name) form.append('name', name);
	if (Object.keys(metadata).length) form.append('metadata', JSON.stringify(metadata));
	if (overwrite) form.append('overwrite', 'true');
	return call('POST', 'v1/images', { form, onUploadProgress });
}

// Larger than the API takes: straight to the bucket with a signed form, then indexed at once.
async function sendToBucket(
	/** @type {UploadItem} */ { file, name, metadata, overwrite },
	/** @type {(fraction: number) => void} */ onUploadProgress,
) {
	const key = name ?? `uploads/${crypto.randomUUID()}`;
	const type = await mediaType(file);
	/** @type {{ url: string, fields: Record<string, string> }} */
	const signed = await post('v1/uploads', { name: key, media_type: type, overwrite });
	const form = new FormData();
	for (const [field, value] of Object.entries(signed.fields)) form.append(field, value);
	form.append('file', file);
	await call('POST', signed.url, { form, onUploadProgress, withoutKey: true });
	const added = await post('v1/images', { key });
	if (!Object.keys(metadata).length) return added;
	const image = await call('PATCH', added.image.links.self, { json: { metadata } });
	return { ...added, image };
}

// By the list of the gallery: browsers have no type for HEIC, and others for some raw formats.
async function mediaType(/** @type {File} */ { name, type }) {
	const { file_types: types } = await getLimits();
	const ends = (/** @type {string} */ suffix) => name.toLowerCase().endsWith(suffix);
	const known = types.find(({ suffixes }) => suffixes.some(ends));
	return known?.media_type ?? (type.startsWith('image/') ? type : undefined);
}
