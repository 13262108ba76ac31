// Finds files that need not be sent: the gallery has them, or they come twice in one list.
// Depends on api.

import { post } from '../gallery/api.js';

const AT_ONCE = 24; // files of one question: reading them takes less time than sending one
/** @type {Map<string, Promise<any>>} */
const sending = new Map(); // SHA-256 -> what the gallery says to the first of equal files

// Ask whether the gallery has the file of this item, and with it those of some that wait.
/** @type {(item: UploadItem, waiting: UploadItem[], signal: AbortSignal) => Promise<void>} */
export async function findKnown(item, waiting, signal) {
	if (!item.checked) {
		const some = [item, ...waiting.filter(({ checked }) => !checked)].slice(0, AT_ONCE);
		const checked = ask(some, signal).catch(() => {}); // then they are sent
		for (const each of some) each.checked = checked;
	}
	await item.checked;
	signal.throwIfAborted();
}

export const isKnown = (/** @type {UploadItem} */ { known }) => Boolean(known);

async function ask(/** @type {UploadItem[]} */ some, /** @type {AbortSignal} */ signal) {
	if (!globalThis.crypto?.subtle) return; // the page came without HTTPS
	for (const item of some) {
		signal.throwIfAborted();
		const hash = await crypto.subtle.digest('SHA-256', await item.file.arrayBuffer());
		item.sha256 = [...new Uint8Array(hash)]
			.map((byte) => byte.toString(16).padStart(2, '0'))
			.join('');
	}
	const hashes = [...new Set(some.map(({ sha256 }) => sha256))];
	/** @type {{ results: { sha256: string, images: { id: string, name: string }[] }[] }} */
	const { results } = await post('v1/images/check', { sha256: hashes }, { signal });
	const known = new Map(results.map(({ sha256, images }) => [sha256, images[0]]));
	for (const item of some) item.known = known.get(/** @type {string} */ (item.sha256));
}

// Send the first of equal files; the others have its answer, as duplicates. If it fails, the next is
// the first.
/** @type {(item: UploadItem, send: () => Promise<any>) => Promise<any>} */
export async function sameFile({ sha256 }, send) {
	if (!sha256) return send();
	const first = await sending.get(sha256)?.catch(() => null);
	if (first) return { status: 'duplicate', image: first.image };
	const sent = send();
	sending.set(sha256, sent);
	sent.catch(() => sending.delete(sha256));
	return sent;
}
