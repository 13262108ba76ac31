// Calls the gallery's HTTP API, with the key if there is one. Depends on key and words.

import { askForKey, getKey } from '../frame/key.js';
import { words } from '../words/words.js';

// The store may be starting up. Errors of the gateway in front of the API have no code of ours.
const TEMPORARY = ['store-unreachable', 'store-timeout', 'store-busy', 'out-of-memory', 'http-504'];
// Too many calls at once: in a new AWS account ten can run. Nothing was done, or nothing that could
// not be done twice.
const TURNED_AWAY = ['http-429', 'http-503', 'overloaded'];
const TRIED_FOR_MS = 20_000; // about ten times

export class ApiError extends Error {
	constructor(/** @type {string} */ code, { status = 0, detail = '', retryAfter = 0 } = {}) {
		super(detail || code);
		this.code = code;
		this.status = status;
		this.detail = detail;
		this.retryAfter = retryAfter;
	}

	get isTemporary() {
		return TEMPORARY.includes(this.code);
	}

	get isTurnedAway() {
		return TURNED_AWAY.includes(this.code);
	}
}

/** @typedef {RequestInit & { method: string, headers: Record<string, string>, onUploadProgress: CallOptions['onUploadProgress'], body?: string | FormData }} Sent */

const abortError = () => new DOMException('', 'AbortError');

export const isAbort = (/** @type {Error} */ error) => error?.name === 'AbortError';

export const get = (/** @type {string} */ path, /** @type {CallOptions} */ options = {}) =>
	call('GET', path, options);

/** @type {(path: string, json: unknown, options?: CallOptions) => Promise<any>} */
export const post = (path, json, options) => call('POST', path, { json, ...options });

// Send a request that goes on when the page is left; nothing waits for its response.
export function postAndLeave(/** @type {string} */ path, /** @type {unknown} */ json) {
	const key = getKey();
	const headers = { 'content-type': 'application/json', ...(key && { 'x-api-key': key }) };
	const body = JSON.stringify(json);
	fetch(path, { method: 'POST', keepalive: true, headers, body }).catch(() => {});
}

// Send a request, again after a pause if too many were sent at once. If it needs a key, ask for one.
/** @type {(method: string, path: string, options?: CallOptions) => Promise<any>} */
export async function call(method, path, options = {}) {
	let end = Date.now() + TRIED_FOR_MS;
	for (let tries = 1; ; tries += 1) {
		try {
			return await send(method, path, options);
		} catch (error) {
			if (error.isTurnedAway && Date.now() < end) {
				await pause(tries, options.signal, error.retryAfter);
				continue;
			}
			if (error.code !== 'key-missing' || options.quiet) throw error;
			if (!(await askForKey(getKey() ? words.key.invalid : words.gallery.keyNeeded))) throw error;
			end = Date.now() + TRIED_FOR_MS;
		}
	}
}

// Wait before another try: 0.15 to 0.3 s, then twice as long each time, up to 3 s. Of many that were
// turned away together, not all come back together.
/** @type {(tries: number, signal?: AbortSignal, atLeastS?: number) => Promise<void>} */
export const pause = (tries, signal, atLeastS = 0) =>
	sleep(Math.max(atLeastS * 1000, Math.min(1500, 75 * 2 ** tries) * (1 + Math.random())), signal);

/** @type {(method: string, path: string, options: CallOptions) => Promise<any>} */
async function send(method, path, options) {
	options.signal?.throwIfAborted();
	try {
		const sendRequest = options.onUploadProgress ? upload : fetch;
		return await read(await sendRequest(path, requestOf(method, options)), options);
	} catch (error) {
		throw error instanceof TypeError ? new ApiError('offline') : error;
	}
}

/** @type {(response: Response, options: CallOptions) => Promise<any>} */
async function read(response, { asBlob }) {
	const { ok, status, headers } = response;
	if (ok && asBlob) return response.blob();
	const body = parseJson(await response.text());
	if (ok) return body;
	const detail = body?.detail ?? '';
	const retryAfter = Number(headers.get('retry-after')) || 0;
	throw new ApiError(body?.code ?? `http-${status}`, { status, detail, retryAfter });
}

/** @type {(method: string, options: CallOptions) => Sent} */
function requestOf(method, { json, form, signal, withoutKey, onUploadProgress }) {
	const key = withoutKey ? null : getKey();
	/** @type {Record<string, string>} */
	const headers = {};
	if (key) headers['x-api-key'] = key;
	if (json !== undefined) headers['content-type'] = 'application/json';
	const body = json === undefined ? form : JSON.stringify(json);
	return { method, headers, body, signal, onUploadProgress };
}

// As fetch, which does not report upload progress.
/** @type {(path: string, request: Sent) => Promise<Response>} */
function upload(path, { method, headers, body, signal, onUploadProgress }) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open(method, path);
		for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
		request.upload.onprogress = ({ loaded, total }) => {
			if (onUploadProgress) onUploadProgress(loaded / total);
		};
		request.onabort = () => reject(abortError());
		request.onerror = () => reject(new ApiError('offline'));
		request.onload = () => {
			const retryAfter = request.getResponseHeader('retry-after');
			resolve(
				new Response(request.status === 204 ? null : request.responseText, {
					status: request.status,
					headers: retryAfter ? { 'retry-after': retryAfter } : {},
				}),
			);
		};
		signal?.addEventListener('abort', () => request.abort());
		request.send(body);
	});
}

function parseJson(/** @type {string} */ text) {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}

// Repeat a call while the gallery starts up. `onWait` is called before each pause.
/** @type {(call: () => Promise<any>, options: RetryOptions) => Promise<any>} */
export async function retryWhileStarting(call, { signal, onWait, attempts = 5 }) {
	for (let attempt = 1; ; attempt++) {
		try {
			return await call();
		} catch (error) {
			if (!error.isTemporary || attempt === attempts) throw error;
			onWait?.();
			await sleep(Math.max(error.retryAfter, 2 ** attempt) * 1000, signal);
		}
	}
}

/** @type {(ms: number, signal?: AbortSignal) => Promise<void>} */
const sleep = (ms, signal) =>
	new Promise((resolve, reject) => {
		setTimeout(resolve, ms);
		signal?.addEventListener('abort', () => reject(abortError()));
	});
