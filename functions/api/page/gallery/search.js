// Runs searches: a new one cancels the one before. Keeps the results of recent ones.
// Depends on api, gallery, likeness, local-pictures, state and words.

import { addressOf } from '../frame/state.js';
import { words } from '../words/words.js';
import { ApiError, call, post, retryWhileStarting } from './api.js';
import { getLimits } from './gallery.js';
import { isCopy } from './likeness.js';
import { base64, findPicture, preparePicture } from './local-pictures.js';

const PAGE_SIZE = 48; // fills rows of 2, 3, 4, 6 and 8
const MOST_RESULTS = 100; // in one response
const MAX_CACHED = 15;
const SLOW_MS = 4000;
/** @type {Map<string, ResultPage>} */
const cache = new Map();
/** @type {AbortController | null} */
let running = null;

// What the results depend on. The minimum match only hides some of them.
export const searchKey = (/** @type {State} */ state) =>
	`${state.upload ?? ''}${addressOf({ ...state, min: 0 })}`;

export const cachedResults = (/** @type {State} */ state) => cache.get(searchKey(state));

// Announces pictures that were deleted, as `detail`.
export const deletions = new EventTarget();

// Pictures were added, or those with these ids deleted: results of before no longer hold.
export function clearResults(/** @type {string[]} */ deleted = []) {
	cache.clear();
	if (deleted.length) deletions.dispatchEvent(new CustomEvent('deleted', { detail: deleted }));
}

export const cancelSearch = () => running?.abort();

// Results of a search: those of `before` and the next page behind them. With `least`, as many pages
// as it takes to have that many again.
/** @type {(state: State, progress: Progress | null, before?: ResultPage, least?: number) => Promise<ResultPage>} */
export async function search(state, progress, before, least = 0) {
	cancelSearch();
	running = new AbortController();
	const { signal } = running;
	let page = before ?? { results: [], next: 0 };
	do {
		const response = await ask(state, page.next ?? 0, signal, progress);
		page = { results: joined(page.results, response.results), next: response.next_offset };
	} while (page.next !== null && page.results.length < least);
	cache.set(searchKey(state), page);
	if (cache.size > MAX_CACHED) cache.delete([...cache.keys()][0]);
	return page;
}

/** @type {(state: State, offset: number, signal: AbortSignal, progress: Progress | null) => Promise<any>} */
async function ask(state, offset, signal, progress) {
	const body = await requestBody(state, offset, signal, progress);
	const options = { ...body, signal, onUploadProgress: body.form && progress?.setUploaded };
	progress?.setStage(body.form ? 'uploading' : 'searching');
	const slow = setTimeout(() => progress?.setNote(words.search.slow), SLOW_MS);
	return retryWhileStarting(() => call('POST', 'v1/search', options), {
		signal,
		onWait: () => progress?.setNote(words.gallery.starting),
	}).finally(() => clearTimeout(slow));
}

// Pictures that were added in between move others to the next page, where they come again.
/** @type {(before: SearchResult[], found: SearchResult[]) => SearchResult[]} */
function joined(before, found) {
	const known = new Set(before.map(({ id }) => id));
	return [...before, ...found.filter(({ id }) => !known.has(id))];
}

// The copies of a result that are hidden behind it: those of the pictures nearest to it that are the
// same file or the same picture. The query itself and other results are left out.
/** @type {(state: State, result: SearchResult, shown: string[]) => Promise<SearchResult[]>} */
export async function searchCopies(state, { id, hidden }, shown) {
	const filter = await filterOf(state.filter);
	const query = { id, exclude_self: true, limit: MOST_RESULTS, ...(filter && { filter }) };
	const others = new Set([...shown, ...state.more, ...state.less, state.id]);
	/** @type {SearchResult[]} */
	const copies = [];
	for (let offset = 0; offset !== null && copies.length < hidden; ) {
		const { results, next_offset } = await post('v1/search', { ...query, offset });
		const found = results.filter(isCopy);
		copies.push(...found.filter((/** @type {SearchResult} */ each) => !others.has(each.id)));
		offset = found.length ? next_offset : null;
	}
	return copies;
}

// A form for a picture alone, because its upload can be followed; JSON for everything else.
/** @returns {Promise<CallOptions>} */
async function requestBody(
	/** @type {State} */ state,
	/** @type {number} */ offset,
	/** @type {AbortSignal} */ signal,
	/** @type {Progress | null} */ progress,
) {
	const { id, url, upload, region, more, less } = state;
	const options = { limit: PAGE_SIZE, offset, collapse_copies: !state.copies };
	const filter = await filterOf(state.filter);
	const examples = more.length > 0 || less.length > 0;
	let blob = null;
	if (upload) {
		const picture = await findPicture(upload);
		if (!picture) throw new ApiError('picture-gone');
		progress?.setStage('preparing');
		blob = await preparePicture(picture, region, signal);
	}
	if (blob && !examples) return { form: formOf(blob, options, filter) };
	const json = { ...options, ...(filter && { filter }) };
	if (!examples) {
		const query = id ? { id, exclude_self: true } : { url };
		return { json: { ...json, ...query, ...(region && { region }) } };
	}
	const query = blob ? [{ image: await base64(blob) }] : id ? [{ id }] : [];
	const positive = [...query, ...more.map((id) => ({ id }))];
	const negative = less.map((id) => ({ id }));
	return { json: { ...json, positive, negative, exclude_self: !blob } };
}

/** @type {(blob: Blob, options: Record<string, number | boolean>, filter: object | null) => FormData} */
function formOf(blob, options, filter) {
	const form = new FormData();
	form.append('image', blob, 'query');
	for (const [name, value] of Object.entries(options)) form.append(name, String(value));
	if (filter) form.append('filter', JSON.stringify(filter));
	return form;
}

// [["category", "shoe"], ["price", "10..20"]] as the API expects it.
async function filterOf(/** @type {State['filter']} */ pairs) {
	if (!pairs.length) return null;
	const { filter_fields: fields } = await getLimits();
	/** @type {Record<string, any>} */
	const filter = {};
	for (const [field, value] of pairs) {
		const typed = filterValue(fields[field], value);
		if (typed === null) throw new ApiError('filter-unknown', { status: 422 });
		filter[field] = Object(typed) === typed ? typed : [filter[field] ?? [], typed].flat();
	}
	return filter;
}

// null: the gallery has no such field, or it cannot have this value.
/** @type {(type: FieldType | undefined, value: string) => object | MetadataValue | null} */
function filterValue(type, value) {
	if (type === 'bool') return value === 'true' || value === 'false' ? value === 'true' : null;
	if (type !== 'integer' && type !== 'float') return type ? value : null;
	const bounds = value.split('..').map((bound) => (bound.trim() ? Number(bound) : null));
	if (bounds.length > 2 || bounds.some(Number.isNaN)) return null;
	if (bounds.length === 1) return bounds[0];
	const [low, high] = bounds;
	return { ...(low !== null && { gte: low }), ...(high !== null && { lt: high }) };
}
