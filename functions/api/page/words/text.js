// Puts numbers, dates and errors into words, as people write them where the visitor is.
// Depends on words.

import { locale, words } from './words.js';

/** @type {Record<string, Drawing>} */
const DRAWINGS = {
	offline: 'offline',
	'key-missing': 'locked',
	'key-refused': 'locked',
	'image-not-found': 'gone',
	'picture-gone': 'gone',
};
const plural = new Intl.PluralRules(locale);
const percents = new Intl.NumberFormat(locale, { style: 'percent' });
const moments = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });

export const number = (/** @type {number} */ value) => value.toLocaleString(locale);

// A similarity: to 100 % only for the same picture.
export const percent = (/** @type {number} */ similarity) =>
	percents.format(similarity < 0.9995 ? Math.min(0.99, similarity) : similarity);

// 1 result, 2 results; `shown` is written instead of the number, as in "20+ groups".
/** @type {(value: number, noun: keyof typeof words.counts, shown?: string) => string} */
export function count(value, noun, shown = number(value)) {
	const { one, other } = words.counts[noun];
	return (plural.select(value) === 'one' ? one : other).replace('{n}', shown);
}

// 1 copy, 3 very similar
export const list = (/** @type {string[]} */ parts) =>
	new Intl.ListFormat(locale, { type: 'unit', style: 'short' }).format(parts);

export function fileSize(/** @type {number} */ bytes) {
	/** @type {[number, string, 'long' | 'short', number]} */
	const [value, unit, unitDisplay, digits] =
		bytes < 1000
			? [bytes, 'byte', 'long', 0] // short is "773 byte"
			: bytes < 1e6
				? [bytes / 1000, 'kilobyte', 'short', 0]
				: [bytes / 1e6, 'megabyte', 'short', 1];
	const options = { style: 'unit', unit, unitDisplay, maximumFractionDigits: digits };
	return new Intl.NumberFormat(locale, /** @type {any} */ (options)).format(value);
}

export const dateTime = (/** @type {string} */ moment) => moments.format(new Date(moment));

export const describeFlaws = (/** @type {Flaw[]} */ flaws) =>
	flaws.map((flaw) => words.flaws[flaw]).join(' ');

// What went wrong and what to do. The gallery's own message is for developers; of it only the type
// of a file that cannot be read is shown.
/** @type {(error: ApiFailure, formats?: string[]) => ErrorText & { retryable: boolean }} */
export function describeError({ code, status, detail }, formats = []) {
	const { byCode, fileType, supported, unknown } = words.errors;
	const { title, text } = byCode[code] ?? unknown;
	const type =
		code === 'unsupported-format' && /^[A-Z][A-Z\d]+( \w+)?(?= is not a supp)/.exec(detail)?.[0];
	return {
		title,
		text: [type && fileType(type), formats.length > 0 && supported(formats.join(', ')), text]
			.filter(Boolean)
			.join(' '),
		drawing: DRAWINGS[code] ?? ([429, 503, 504].includes(status) ? 'busy' : 'broken'),
		retryable: code !== 'picture-gone' && (status === 0 || status === 429 || status >= 500),
	};
}

const [{ value: DECIMAL }] = new Intl.NumberFormat(locale)
	.formatToParts(0.5)
	.filter(({ type }) => type === 'decimal');

// A number as the visitor writes it, 3.50 or 3,50; null if it is none.
export function parseNumber(/** @type {string} */ text) {
	if (DECIMAL !== '.' && /\.\d{3}$/.test(text)) return null; // 1.000 is a thousand to some of them
	const plain = text.replace(DECIMAL, '.').replace('−', '-');
	return /^-?\d*\.?\d+$/.test(plain) ? Number(plain) : null;
}
