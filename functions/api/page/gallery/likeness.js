// Puts into words what two pictures have in common, as the gallery decided it; the only place that
// does. Depends on dom.

import { el } from '../frame/dom.js';

// `bars` of four are filled; `name` and `more` together are the full sentence.
/** @type {Record<Likeness | 'similar' | 'weak', { bars: number, name: string, more: string }>} */
const WORDS = {
	'same-bytes': { bars: 4, name: 'The same file', more: '' },
	'same-picture': {
		bars: 4,
		name: 'The same picture',
		more: ' in another size, format or quality',
	},
	edited: {
		bars: 3,
		name: 'Edited or recoloured',
		more: ': the same shapes in other colours, or with small changes',
	},
	turned: { bars: 3, name: 'Mirrored or turned', more: '' },
	lookalike: {
		bars: 3,
		name: 'Lookalike',
		more: ': probably cropped, rotated, written on or covered',
	},
	similar: { bars: 2, name: 'Similar', more: '' },
	weak: { bars: 1, name: 'Weak match', more: '' },
};

export const SEES_LAYOUT = 'It sees layout, not words.';

// null: nothing was measured, as for several examples.
/** @type {(likeness: Matched) => typeof WORDS[keyof typeof WORDS] | null} */
const wordsFor = ({ matched, band = null }) =>
	WORDS[/** @type {keyof typeof WORDS} */ (matched ?? band)] ?? null;

export const likenessName = (/** @type {Matched} */ likeness) => wordsFor(likeness)?.name ?? '';

export function likenessSentence(/** @type {Matched} */ likeness) {
	const words = wordsFor(likeness);
	return words ? words.name + words.more : '';
}

// One copy can stand for the other.
export const isCopy = (/** @type {Matched} */ { matched }) =>
	matched === 'same-bytes' || matched === 'same-picture';

// Four bars and words. A tile has room for the name only.
export function likenessMark(/** @type {Matched} */ likeness, text = likenessName(likeness)) {
	const words = wordsFor(likeness);
	return (
		words &&
		el(
			'span',
			{ class: 'band', 'data-bars': words.bars },
			el(
				'span',
				{ class: 'bars', 'aria-hidden': 'true' },
				[1, 2, 3, 4].map(() => el('i')),
			),
			` ${text}`,
		)
	);
}
