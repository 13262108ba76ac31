// Every text of the page, in English; de.js has the same keys. A text with a blank to fill in is a
// function, and a number chooses its noun by Intl.PluralRules. Depends on no module.

/** @typedef {{ title: string, text?: string }} ErrorWords */

const NOT_READY = {
	title: 'The gallery is not ready yet',
	text: 'It is still starting up, which can take up to a minute.',
};
const BUSY = {
	title: 'The gallery is busy',
	text: 'Too many requests at once. Wait a moment, then try again.',
};
const KEY_NEEDED = 'Ask whoever runs this gallery for a key.';
const DROP_INSTEAD = 'Save the picture and drop it here instead.';

export const en = {
	counts: {
		copy: { one: '{n} copy', other: '{n} copies' },
		exactCopy: { one: '{n} exact copy', other: '{n} exact copies' },
		group: { one: '{n} group', other: '{n} groups' },
		picture: { one: '{n} picture', other: '{n} pictures' },
		result: { one: '{n} result', other: '{n} results' },
	},

	/** @type {Record<Flaw, string>} */
	flaws: {
		damaged: 'The end of this file is missing.',
		'colour-profile-ignored': 'Its colour profile could not be used.',
	},

	gallery: {
		starting: 'The gallery is starting up. This can take up to a minute.',
		keyNeeded: KEY_NEEDED,
		dropInstead: DROP_INSTEAD,
		empty: {
			title: 'This gallery is empty',
			text: 'Once it has pictures, similar ones are found here.',
		},
	},

	errors: {
		unknown: { title: 'Something went wrong' },
		supported: (/** @type {string} */ formats) => `Supported: ${formats}.`,
		/** @type {Record<string, ErrorWords>} */
		byCode: {
			offline: {
				title: 'No connection to the gallery',
				text: 'This device is offline, or the gallery is not running.',
			},
			'key-missing': { title: 'This gallery needs an access key', text: KEY_NEEDED },
			'key-refused': { title: 'Your key does not allow this' },
			'store-unreachable': NOT_READY,
			'store-timeout': NOT_READY,
			'store-busy': NOT_READY,
			'store-full': {
				title: 'The gallery is full',
				text: 'There is no room for more pictures.',
			},
			'image-not-found': {
				title: 'That picture is no longer in the gallery',
				text: 'It was deleted, or the link is incomplete.',
			},
			'unreadable-original': {
				title: 'The original cannot be opened now',
				text: 'It is in an archive, or access to it is denied.',
			},
			'unsupported-format': { title: 'This gallery cannot read that file' },
			'damaged-picture': {
				title: 'That picture is damaged',
				text: 'The file cannot be opened.',
			},
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
		},
	},
};
