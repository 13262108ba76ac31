// Puts numbers, dates and errors into words. Depends on no module.

export function percent(/** @type {number} */ similarity) {
	const rounded = Math.round(similarity * 100); // to 100 only for the same picture
	return `${rounded === 100 && similarity < 0.9995 ? 99 : rounded}%`;
}

export const count = (/** @type {number} */ number, /** @type {string} */ one, many = `${one}s`) =>
	`${number.toLocaleString('en')} ${number === 1 ? one : many}`;

export function fileSize(/** @type {number} */ bytes) {
	if (bytes < 1000) return `${bytes} bytes`;
	return bytes < 1e6 ? `${Math.round(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export const dateTime = (/** @type {string} */ moment) =>
	new Date(moment).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });

/** @type {Record<Flaw, string>} */
const FLAWS = {
	damaged: 'The end of this file is missing.',
	'colour-profile-ignored': 'Its colour profile could not be used.',
};

export const describeFlaws = (/** @type {Flaw[]} */ flaws) =>
	flaws.map((flaw) => FLAWS[flaw]).join(' ');

export const STARTING = 'The gallery is starting up. This can take up to a minute.';
export const KEY_NEEDED = 'Ask whoever runs this gallery for a key.';

export const EMPTY_GALLERY = {
	title: 'This gallery is empty',
	text: 'Once it has pictures, similar ones are found here.',
};

export const DROP_INSTEAD = 'Save the picture and drop it here instead.';

const NOT_READY = {
	title: 'The gallery is not ready yet',
	text: 'It is still starting up, which can take up to a minute.',
};

const BUSY = {
	title: 'The gallery is busy',
	text: 'Too many requests at once. Wait a moment, then try again.',
};

/** @type {Record<string, { title: string, text?: string }>} */
const ERRORS = {
	offline: {
		title: 'No connection to the gallery',
		text: 'This device is offline, or the gallery is not running.',
	},
	'key-missing': { title: 'This gallery needs an access key', text: KEY_NEEDED },
	'key-refused': { title: 'Your key does not allow this' },
	'store-unreachable': NOT_READY,
	'store-timeout': NOT_READY,
	'store-busy': NOT_READY,
	'store-full': { title: 'The gallery is full', text: 'There is no room for more pictures.' },
	'image-not-found': {
		title: 'That picture is no longer in the gallery',
		text: 'It was deleted, or the link is incomplete.',
	},
	'unreadable-original': {
		title: 'The original cannot be opened now',
		text: 'It is in an archive, or access to it is denied.',
	},
	'unsupported-format': { title: 'This gallery cannot read that file' },
	'damaged-picture': { title: 'That picture is damaged', text: 'The file cannot be opened.' },
	'empty-picture': { title: 'That file is empty', text: 'Choose another one.' },
	'picture-too-large': { title: 'That picture is too large' },
	'url-refused': { title: 'This gallery cannot fetch that address', text: DROP_INSTEAD },
	'url-unreachable': { title: 'That address could not be fetched', text: DROP_INSTEAD },
	'picture-gone': {
		title: 'This search cannot be repeated',
		text: 'Its picture was never stored and the page was reloaded. Choose the picture again.',
	},
	overloaded: BUSY,
	'http-429': BUSY,
	'http-503': BUSY,
};

/** @type {(error: ApiFailure, formats?: string[]) => ErrorText & { retryable: boolean }} */
export function describeError({ code, status, detail }, formats = []) {
	const { title, text = detail ?? '' } = ERRORS[code] ?? { title: 'Something went wrong' };
	const supported = formats.length ? `. Supported: ${formats.join(', ')}.` : '';
	return {
		title,
		text: supported ? text.replace(/\.$/, '') + supported : text,
		retryable: code !== 'picture-gone' && (status === 0 || status === 429 || status >= 500),
	};
}
