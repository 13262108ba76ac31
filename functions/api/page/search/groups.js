// Puts results into groups by what the gallery says of them, and that into one sentence.
// Depends on likeness, text and words.

import { isCopy } from '../gallery/likeness.js';
import { count, list, number } from '../words/text.js';
import { words } from '../words/words.js';

// From most to least similar; `unrated` where nothing was measured, as for several examples.
/** @typedef {'same' | 'close' | 'similar' | 'unrated' | 'weak'} GroupName */
/** @type {GroupName[]} */
export const GROUPS = ['same', 'close', 'similar', 'unrated', 'weak'];

/** @type {(likeness: Matched) => GroupName} */
export function groupOf(likeness) {
	if (isCopy(likeness)) return 'same';
	if (likeness.matched) return 'close';
	return likeness.band === 'similar' || likeness.band === 'weak' ? likeness.band : 'unrated';
}

// "1 copy, 3 very similar, 9 similar". With `more` results to come there can be more of the last.
/** @type {(sizes: Map<GroupName, number>, more: boolean) => string} */
export function headline(sizes, more) {
	const nouns = /** @type {const} */ ({
		same: 'copy',
		close: 'verySimilar',
		similar: 'similar',
		unrated: 'result',
	});
	const found = Object.entries(nouns).flatMap(([name, noun]) => {
		const size = sizes.get(/** @type {GroupName} */ (name)) ?? 0;
		return size ? [{ size, noun }] : [];
	});
	if (!found.length) return words.search.noCloseMatch;
	const open = more && !sizes.get('weak');
	const last = found.length - 1;
	return list(
		found.map(({ size, noun }, i) =>
			count(size, noun, number(size) + (open && i === last ? '+' : '')),
		),
	);
}
