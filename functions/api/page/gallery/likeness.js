// Puts into words what two pictures have in common, as the gallery decided it; the only place that
// does. Depends on dom and words.

import { el } from '../frame/dom.js';
import { words } from '../words/words.js';

/** @type {Record<keyof typeof words.likeness, number>} */
const BARS = {
	// filled, of four
	'same-bytes': 4,
	'same-picture': 4,
	edited: 3,
	turned: 3,
	lookalike: 3,
	similar: 2,
	weak: 1,
};

export const SEES_LAYOUT = words.seesLayout;

// null: nothing was measured, as for several examples.
const kindOf = (/** @type {Matched} */ { matched, band = null }) => {
	const kind = /** @type {keyof typeof BARS} */ (matched ?? band);
	return kind in BARS ? kind : null;
};

export function likenessName(/** @type {Matched} */ likeness) {
	const kind = kindOf(likeness);
	return kind ? words.likeness[kind].name : '';
}

export function likenessSentence(/** @type {Matched} */ likeness) {
	const kind = kindOf(likeness);
	return kind ? words.likeness[kind].name + words.likeness[kind].more : '';
}

// One copy can stand for the other.
export const isCopy = (/** @type {Matched} */ { matched }) =>
	matched === 'same-bytes' || matched === 'same-picture';

// Four bars and words. A tile has room for the name only.
export function likenessMark(/** @type {Matched} */ likeness, text = likenessName(likeness)) {
	const kind = kindOf(likeness);
	return (
		kind &&
		el(
			'span',
			{ class: 'band', 'data-bars': BARS[kind] },
			el(
				'span',
				{ class: 'bars', 'aria-hidden': 'true' },
				[1, 2, 3, 4].map(() => el('i')),
			),
			` ${text}`,
		)
	);
}
