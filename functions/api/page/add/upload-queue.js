// Uploads many pictures, several at a time, and keeps the state of each.
// Depends on additions, api, gallery, known-files, text and words.

import { sendPicture } from '../gallery/additions.js';
import { call, isAbort, post, retryWhileStarting } from '../gallery/api.js';
import { formatsFor, getLimits } from '../gallery/gallery.js';
import { describeError, describeFlaws, fileSize } from '../words/text.js';
import { words } from '../words/words.js';
import { findKnown, isKnown, sameFile } from './known-files.js';

const PARALLEL = 3;
/** @type {UploadItem[]} */
const items = [];
/** @type {(item: UploadItem) => void} */
let notify = () => {};
let active = 0;
let stopping = new AbortController();

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

const AGAIN = ['failed', 'stopped'];

// Also under the labels as they are now, if the old ones were what was wrong.
export function retry(
	some = items.filter(({ state }) => AGAIN.includes(state)),
	/** @type {Metadata | null} */ metadata = null,
) {
	for (const item of some) {
		if (item.wrongLabels && metadata) item.metadata = metadata;
		update(item, { state: 'waiting', detail: '', wrongLabels: false });
	}
	start();
}

export function replace(/** @type {UploadItem} */ item) {
	item.overwrite = true;
	retry([item]);
}

// Although the gallery has this file, under another name.
export function addAnyway(/** @type {UploadItem} */ item) {
	item.anyway = true;
	item.image = undefined;
	retry([item]);
}

export function stop() {
	stopping.abort();
	stopping = new AbortController();
	for (const item of items) if (item.state === 'waiting') update(item, { state: 'stopped' });
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

addEventListener('online', () => retry(items.filter(({ state }) => state === 'failed')));
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
		upload(item, stopping.signal).finally(() => {
			active -= 1;
			notify(item);
			start();
		});
	}
}

async function upload(/** @type {UploadItem} */ item, /** @type {AbortSignal} */ signal) {
	const onWait = () => update(item, { detail: words.gallery.starting });
	try {
		const tooLarge = await sizeProblem(item.file);
		if (tooLarge) return Object.assign(item, { state: 'rejected', detail: tooLarge });
		const again = () => addUnlessKnown(item, signal);
		const added = await retryWhileStarting(again, { onWait, attempts: 4, signal });
		const { status, image, near_duplicates: near = [] } = added;
		Object.assign(item, { state: status, image, near, detail: describeFlaws(image.flaws ?? []) });
	} catch (error) {
		if (isAbort(error)) Object.assign(item, { state: 'stopped', detail: '' });
		else await explain(item, error);
	}
}

async function explain(/** @type {UploadItem} */ item, /** @type {ApiFailure} */ error) {
	const { title, text } = describeError(error, await formatsFor(error));
	const { status, code } = error;
	const final = status >= 400 && status < 500 && status !== 429 && !code.startsWith('key-');
	item.nameTaken = code === 'name-taken';
	item.wrongLabels = code === 'invalid-metadata';
	item.state = final && !item.wrongLabels ? 'rejected' : 'failed';
	item.detail = item.nameTaken
		? words.add.nameTaken
		: item.wrongLabels
			? words.add.wrongLabels
			: `${title}. ${text}`;
}

/** @type {(item: UploadItem, signal: AbortSignal) => Promise<any>} */
async function addUnlessKnown(item, signal) {
	if (item.anyway || item.overwrite) return send(item, signal);
	await findKnown(
		item,
		items.filter(({ state }) => state === 'waiting'),
		signal,
	);
	if (isKnown(item)) return { status: 'duplicate', image: item.known };
	return sameFile(item, () => send(item, signal));
}

// Before the file is sent; empty if there is none.
async function sizeProblem(/** @type {File} */ { size }) {
	const { max_body_bytes: maxBody, max_bytes: maxFile, uploads } = await getLimits();
	const limit = uploads ? Math.max(maxFile, maxBody) : maxBody;
	return size > limit ? words.add.tooLarge(fileSize(size), fileSize(limit)) : '';
}

/** @type {(item: UploadItem, signal: AbortSignal) => Promise<any>} */
async function send(item, signal) {
	const onUploadProgress = (/** @type {number} */ uploaded) => update(item, { uploaded });
	const options = { onUploadProgress, signal };
	const { max_body_bytes: maxBody } = await getLimits();
	return item.file.size > maxBody ? sendToBucket(item, options) : sendPicture(item, options);
}

// Larger than the API takes: straight to the bucket with a signed form, then indexed at once.
async function sendToBucket(
	/** @type {UploadItem} */ { file, name, metadata, overwrite },
	/** @type {CallOptions} */ options,
) {
	const { signal } = options;
	const key = name ?? `uploads/${crypto.randomUUID()}`;
	const type = await mediaType(file);
	const wanted = { name: key, media_type: type, overwrite };
	/** @type {{ url: string, fields: Record<string, string> }} */
	const signed = await post('v1/uploads', wanted, { signal });
	const form = new FormData();
	for (const [field, value] of Object.entries(signed.fields)) form.append(field, value);
	form.append('file', file);
	await call('POST', signed.url, { form, ...options, withoutKey: true });
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
