// The kinds of duplicates, which groups belong to them, and how many there are. Loaded when used.
// Depends on api, ignored-groups and words.

import { get } from '../gallery/api.js';
import { words } from '../words/words.js';
import { isIgnored } from './ignored-groups.js';

const PAGE_SIZE = 20;
const MOST_COUNTED = 2_000; // pictures of a gallery in which all kinds are counted at once
const MOST_PAGES_COUNTED = 20;

export const KINDS = words.duplicates.kinds;

// Nothing of these can be deleted.
export const isLookOnly = (/** @type {string} */ kind) => ['turned', 'lookalike'].includes(kind);

/** @type {Map<string, { groups: number, more: boolean }>} */
export const counts = new Map(); // kind -> number of groups, as far as it is known

/** @type {(kind: string, cursor: string | null) => string} */
export function pageAt(kind, cursor) {
	const query = new URLSearchParams({ kind, limit: String(PAGE_SIZE) });
	if (cursor) query.set('cursor', cursor);
	return `v1/duplicates?${query}`;
}

// The groups of the same picture include those of exact copies, which have a tab of their own.
export const isElsewhere = (/** @type {DuplicateGroup} */ { kind, images }) =>
	kind === 'same-picture' &&
	images.every(({ matched }) => matched === null || matched === 'same-bytes');

export const isShot = (/** @type {DuplicateGroup} */ { kind, images }) =>
	!isLookOnly(kind) && kind !== 'edited' && !images.some(({ removable }) => removable);

const isShown = (/** @type {DuplicateGroup} */ group) =>
	!(isElsewhere(group) || isIgnored(group) || isShot(group));

// Count the kinds that were not opened; a large gallery would take too long.
/** @type {(total: number, signal: AbortSignal, onCount: () => void) => Promise<void>} */
export async function countOthers(total, signal, onCount) {
	if (total > MOST_COUNTED) return;
	try {
		for (const each of Object.keys(KINDS)) {
			if (counts.has(each)) continue;
			const found = await countOf(each, signal);
			if (found) counts.set(each, found);
			onCount();
		}
	} catch {
		// The view was left, or the numbers stay unknown.
	}
}

// Read pages until one has groups; null if the first few have none, but are not all.
async function countOf(/** @type {string} */ kind, /** @type {AbortSignal} */ signal) {
	let from = null;
	for (let pages = 0; pages < MOST_PAGES_COUNTED; pages += 1) {
		const page = await get(pageAt(kind, from), { signal, quiet: true });
		const groups = page.groups.filter(isShown).length;
		from = page.next;
		if (groups || from === null) return { groups, more: from !== null };
	}
	return null;
}
