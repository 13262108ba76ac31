// Puts numbers, dates and errors into words, as people write them where the visitor is.
// Depends on words.

import { locale, words } from './words.js';

const plural = new Intl.PluralRules(locale);
const percents = new Intl.NumberFormat(locale, { style: 'percent' });
const moments = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });

export const number = (/** @type {number} */ value) => value.toLocaleString(locale);

// A similarity: to 100 % only for the same picture.
export const percent = (/** @type {number} */ similarity) =>
	percents.format(similarity < 0.9995 ? Math.min(0.99, similarity) : similarity);

// 1 result, 2 results
export function count(/** @type {number} */ value, /** @type {keyof typeof words.counts} */ noun) {
	const { one, other } = words.counts[noun];
	return (plural.select(value) === 'one' ? one : other).replace('{n}', number(value));
}

export function fileSize(/** @type {number} */ bytes) {
	const [value, unit, digits] =
		bytes < 1000
			? [bytes, 'byte', 0]
			: bytes < 1e6
				? [bytes / 1000, 'kilobyte', 0]
				: [bytes / 1e6, 'megabyte', 1];
	const options = { style: 'unit', unit, maximumFractionDigits: digits };
	return new Intl.NumberFormat(locale, /** @type {any} */ (options)).format(
		/** @type {number} */ (value),
	);
}

export const dateTime = (/** @type {string} */ moment) => moments.format(new Date(moment));

export const describeFlaws = (/** @type {Flaw[]} */ flaws) =>
	flaws.map((flaw) => words.flaws[flaw]).join(' ');

/** @type {(error: ApiFailure, formats?: string[]) => ErrorText & { retryable: boolean }} */
export function describeError({ code, status, detail }, formats = []) {
	const { title, text = detail ?? '' } = words.errors.byCode[code] ?? words.errors.unknown;
	const supported = formats.length ? `. ${words.errors.supported(formats.join(', '))}` : '';
	return {
		title,
		text: supported ? text.replace(/\.$/, '') + supported : text,
		retryable: code !== 'picture-gone' && (status === 0 || status === 429 || status >= 500),
	};
}
