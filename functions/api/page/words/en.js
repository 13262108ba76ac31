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
const ANOTHER = 'Choose another one.';
const CHANGED = {
	title: 'The gallery has changed',
	text: 'Someone else was faster. Load the page again.',
};
const NOT_SET_UP = {
	title: 'The gallery cannot answer',
	text: 'Something is wrong with it, not with your picture. Tell whoever runs it.',
};
const TOO_LARGE = {
	title: 'That picture is too large',
	text: 'Save a smaller copy of it, then try again.',
};
const LOOK_ONLY = 'Only to look at: nothing can be deleted here.';
const SEES_LAYOUT = 'It sees layout, not words.';

export const en = {
	counts: {
		copy: { one: '{n} copy', other: '{n} copies' },
		duplicate: { one: '{n} duplicate', other: '{n} duplicates' },
		exactCopy: { one: '{n} exact copy', other: '{n} exact copies' },
		file: { one: '{n} file', other: '{n} files' },
		group: { one: '{n} group', other: '{n} groups' },
		picture: { one: '{n} picture', other: '{n} pictures' },
		result: { one: '{n} result', other: '{n} results' },
		verySimilar: { one: '{n} very similar', other: '{n} very similar' },
		similar: { one: '{n} similar', other: '{n} similar' },
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
		unknown: {
			title: 'Something went wrong',
			text: 'It is not your fault. Try again, and if that does not help, tell whoever runs this gallery.',
		},
		fileType: (/** @type {string} */ format) => `File type: ${format}.`,
		supported: (/** @type {string} */ formats) => `Supported: ${formats}.`,
		/** @type {Record<string, ErrorWords>} */
		byCode: {
			offline: {
				title: 'No connection to the gallery',
				text: 'This device is offline, or the gallery is not running.',
			},
			'key-missing': { title: 'This gallery needs an access key', text: KEY_NEEDED },
			'key-refused': {
				title: 'Your key does not allow this',
				text: 'Ask whoever runs this gallery for one that does.',
			},
			'store-unreachable': NOT_READY,
			'store-timeout': NOT_READY,
			'store-busy': NOT_READY,
			'http-504': NOT_READY,
			'store-full': {
				title: 'The gallery is full',
				text: 'There is no room for more pictures.',
			},
			'store-failed': NOT_SET_UP,
			'store-denied': NOT_SET_UP,
			'store-rejected': NOT_SET_UP,
			'model-mismatch': NOT_SET_UP,
			'other-originals': NOT_SET_UP,
			settings: NOT_SET_UP,
			'image-not-found': {
				title: 'That picture is no longer in the gallery',
				text: 'It was deleted, or the link is incomplete.',
			},
			'object-changed': {
				title: 'That picture has just been replaced',
				text: 'Try again to use the new one.',
			},
			'unreadable-original': {
				title: 'The original cannot be opened now',
				text: 'It is in an archive, or access to it is denied.',
			},
			'unsupported-format': { title: 'This gallery cannot read that file', text: ANOTHER },
			'damaged-picture': {
				title: 'That picture is damaged',
				text: 'The file cannot be opened. Choose another copy of it.',
			},
			'empty-picture': { title: 'That file is empty', text: ANOTHER },
			'picture-too-large': TOO_LARGE,
			'too-many-pixels': TOO_LARGE,
			'body-too-large': TOO_LARGE,
			'http-413': TOO_LARGE,
			'name-taken': {
				title: 'Another picture has this name',
				text: 'Replace it, or rename the file.',
			},
			'read-only-originals': {
				title: 'Pictures stay in their own folder',
				text: 'None can be added here. Put new ones into that folder; the gallery finds them there.',
			},
			'invalid-name': {
				title: 'A picture cannot have that name',
				text: 'Rename the file, then try again.',
			},
			'invalid-metadata': {
				title: 'One of the labels is not valid',
				text: 'Check the labels, then try again.',
			},
			'invalid-filter': {
				title: 'This gallery cannot filter by that',
				text: 'Remove the filter to see all results.',
			},
			'invalid-examples': {
				title: 'These examples cancel each other out',
				text: 'Remove one of them.',
			},
			'invalid-cursor': CHANGED,
			'url-refused': { title: 'This gallery cannot fetch that address', text: DROP_INSTEAD },
			'url-unreachable': { title: 'That address could not be fetched', text: DROP_INSTEAD },
			'picture-gone': {
				title: 'This search cannot be repeated',
				text: 'Its picture was never stored. Choose the picture again.',
			},
			'not-reached': BUSY,
			'out-of-memory': BUSY,
			overloaded: BUSY,
			'request-timeout': {
				title: 'Sending took too long',
				text: 'Try again, or send a smaller copy.',
			},
			'http-429': BUSY,
			'http-503': BUSY,
		},
	},

	// What two pictures have in common.
	likeness: {
		'same-bytes': { name: 'The same file', more: '' },
		'same-picture': {
			name: 'The same picture',
			more: ' in another size, format or quality',
		},
		edited: {
			name: 'Edited or recoloured',
			more: ': the same shapes in other colours, or with small changes',
		},
		turned: { name: 'Mirrored or turned', more: '' },
		lookalike: {
			name: 'Lookalike',
			more: ': probably cropped, rotated, written on or covered',
		},
		similar: { name: 'Similar', more: '' },
		weak: { name: 'Weak match', more: '' },
	},
	seesLayout: SEES_LAYOUT,

	frame: {
		about: 'Drop a picture, find similar ones.',
		skip: 'Skip to content',
		main: 'Main',
		search: 'Search',
		duplicates: 'Duplicates',
		add: 'Add',
		titles: {
			search: 'Lookalike',
			browse: 'Browse',
			duplicates: 'Duplicates',
			add: 'Add pictures',
		},
		close: 'Close',
		cancel: 'Cancel',
		retry: 'Try again',
		link: 'Link',
		linkCopied: 'Link copied.',
		copyLink: 'Copy this link',
		dropToAdd: 'Drop to add',
		dropToSearch: 'Drop to find similar pictures',
		nothingPasted: 'There is no picture on the clipboard.',
		noAddresses: `This gallery does not fetch pictures from web addresses. ${DROP_INSTEAD}`,
	},

	key: {
		enter: 'Enter a key',
		needed: 'Access key needed',
		invalid: 'That key is not valid.',
		label: 'Access key',
		kept: 'Kept in this tab and only sent to this gallery. Never part of a link.',
		notNow: 'Not now',
		use: 'Use this key',
		yours: 'Your access key',
		/** @type {Record<Scope | 'unknown', { short: string, text: string }>} */
		scopes: {
			read: { short: 'View only', text: 'You can search and look at pictures.' },
			write: { short: 'Can edit', text: 'You can search, add and delete pictures.' },
			admin: { short: 'Full access', text: 'You can do everything in this gallery.' },
			unknown: { short: 'Access key', text: 'The gallery does not say what this key allows.' },
		},
		another: 'Use another key',
		forget: 'Forget this key',
		forgetQuestion: 'Forget this key?',
		forgetText: 'This tab no longer has it. To use the gallery, enter the key again.',
		forgetNow: 'Forget key',
	},

	duplicates: {
		title: 'Duplicates',
		kindsLabel: 'What counts as a duplicate',
		/** @type {Record<string, { label: string, text: string }>} */
		kinds: {
			'same-bytes': { label: 'Exact copies', text: 'Each is stored more than once.' },
			'same-picture': { label: 'Same picture', text: '' },
			edited: {
				label: 'Variants',
				text: 'Such as one product in several colours. Nothing is proposed; mark what you do not want.',
			},
			turned: { label: 'Mirrored or turned', text: LOOK_ONLY },
			lookalike: {
				label: 'Lookalikes',
				text: `${SEES_LAYOUT} Pages of text and screenshots can be here without being copies. ${LOOK_ONLY}`,
			},
		},
		undoFor: (/** @type {string} */ seconds) => `A deletion can be undone for ${seconds} seconds.`,
		keysLabel: 'Keyboard shortcuts',
		/** Key names and what they do, as they follow each other. @type {[string[], string][]} */
		keys: [
			[['←', '→'], 'next picture'],
			[['↑', '↓'], 'next group'],
			[['K'], 'keep'],
			[['D'], 'delete'],
			[['Enter'], 'confirm the group'],
			[['U'], 'undo'],
		],
		checking: 'Checking the gallery…',
		checkedLabel: 'Pictures checked',
		checked: (/** @type {string} */ done, /** @type {string} */ all) =>
			`Checked ${done} of ${all}…`,
		showMore: 'Show more',
		none: (/** @type {string} */ kind) => `${kind}: none`,
		noneAtAll: 'There are none in this gallery.',
		noneButIgnored: 'Apart from those marked as not duplicates.',
		noneButShots: 'Only raw files and the pictures made from them.',
		ignored: (/** @type {string} */ groups) =>
			`Hidden: ${groups} marked as not duplicates. The marks are kept in this browser only.`,
		showAgain: 'Show again',
		shots: (/** @type {string} */ groups) =>
			`Raw and JPEG of one shot: ${groups}, nothing to delete`,
		shot: (/** @type {string[]} */ formats) => `${formats.join(' and ')} of one shot`,
		raw: 'Raw',
		notDuplicates: 'Not duplicates',
		acceptAll: (/** @type {string} */ copies) => `Accept all exact copies (${copies})…`,
		acceptQuestion: (/** @type {string} */ copies) => `Delete ${copies}?`,
		acceptText: (/** @type {string} */ groups) => `Of each of ${groups} at least one file stays.`,
		restored: 'Restored.',
		keep: 'Keep',
		delete: 'Delete',
		keepPicture: (/** @type {string} */ name) => `Keep ${name}`,
		deletePictures: (/** @type {string} */ pictures) => `Delete ${pictures}`,
		keepOne: 'Keep at least one',
		keepOnePicture: 'Keep at least one picture.',
		comparePicture: (/** @type {string} */ name) => `Compare ${name}`,
		compareAlso: ', compare',
		suggested: 'Suggested to keep',
		comparedWith: 'The others are compared with this',
		larger: 'larger',
		smaller: 'smaller',
		insteadOf: (/** @type {string} */ one, /** @type {string} */ other) =>
			`${one} instead of ${other}`,
		moreBytes: 'more bytes',
		fewerBytes: 'fewer bytes',
		later: 'added later',
		earlier: 'added earlier',
		otherMetadata: 'other labels',
	},

	tile: {
		rank: 'Rank',
		details: ', details',
		copyOf: (/** @type {number} */ rank) => `Copy of ${rank}: `,
		actions: (/** @type {string} */ name) => `Actions for ${name}`,
		hideCopies: (/** @type {string} */ copies) => `Hide ${copies}`,
	},

	search: {
		start: {
			lines: ['Drop a picture,', 'find similar ones'],
			hint: 'Drop it anywhere on this page, paste it, or',
			choose: 'Choose a picture',
			camera: 'Take a photo',
			pictureField: 'Picture to search with',
			photoField: 'Photo to search with',
			limitations:
				'Good at finding the same object, kind of object or scene. Weak at telling faces apart. Pages of text and screenshots: it sees layout, not words. Pictures you search with are not stored.',
			samples: 'Or start with one of these',
			searchWith: (/** @type {string} */ name) => `Search with ${name}`,
			onlyFirst: (/** @type {string} */ pictures) => `Searching with the first of ${pictures}.`,
			addInstead: 'Add them instead',
			addPictures: 'Add pictures',
			enterKey: 'Enter a key',
			tryAgain: 'Try again',
		},
		queryLabel: 'Search query',
		queryPicture: 'The picture you are searching with',
		queryPictureNamed: (/** @type {string} */ name) =>
			`The picture you are searching with: ${name}`,
		pastedPicture: 'Pasted picture',
		cannotShrink: (/** @type {string} */ limit) =>
			`It is over ${limit}, and this browser cannot shrink it. Save it as JPEG and try again.`,
		noPreview: 'This browser cannot show this format, but the gallery may be able to read it.',
		fetched: 'Fetched by the gallery from this address.',
		severalPictures: 'Several pictures',
		gone: 'Picture no longer available',
		notStored: 'Not stored, so there is no link to this search.',
		pixels: (/** @type {string} */ width, /** @type {string} */ height) =>
			`${width} × ${height} pixels`,
		newPicture: 'New picture',
		moreTools: 'More',
		selectArea: 'Select an area',
		wholePicture: 'Use whole picture',
		areaSelected: 'Area selected. Arrow keys move it, Shift + arrow keys resize it.',
		boxHelp: 'Arrow keys move the box, Shift + arrow keys resize it.',
		box: (/** @type {string} */ sides) => `Selected area: ${sides}`,
		sides: { left: 'left', top: 'top', width: 'width', height: 'height' },
		addToGallery: 'Add to gallery',
		added: 'Added. You can share this search now.',
		alreadyThere: 'Already in the gallery. You can share this search now.',
		copyLink: 'Copy link',
		examples: { more: 'More like', less: 'Less like' },
		removeExample: 'Remove this example',
		removeNamed: (/** @type {string} */ name) => `Remove ${name} from the examples`,
		notAvailable: 'not available',

		filters: 'Filters',
		filtersActive: (/** @type {string} */ number) => `Filters (${number})`,
		minimum: 'Minimum match: ',
		copies: 'Copies',
		showCopies: 'Show copies',
		under: (/** @type {string} */ high) => `under ${high}`,
		orMore: (/** @type {string} */ low) => `${low} or more`,
		range: (/** @type {string} */ low, /** @type {string} */ high) => `${low} to ${high}`,
		yes: 'yes',
		no: 'no',
		someOf: (/** @type {string} */ shown, /** @type {string} */ results) =>
			`${shown} of ${results}`,
		firstOf: (/** @type {string} */ results) => `First ${results}`,
		hidden: (/** @type {string} */ copies) => `${copies} hidden`,

		stages: { preparing: 'Preparing', uploading: 'Uploading', searching: 'Searching' },
		progress: 'Search progress',
		cancel: 'Cancel',
		slow: 'Still searching. The first search after a pause takes longer.',

		groups: {
			same: 'The same picture',
			close: 'Very similar',
			similar: 'Similar',
			unrated: 'Results',
			weak: 'Weak matches',
		},
		noCloseMatch: 'No close match',
		nearestAreWeak: 'The nearest are weak.',
		noMatch: 'No match this close',
		nothingReaches: (/** @type {number} */ min) =>
			`Nothing reaches ${min}%. These are the closest below it.`,
		showAll: 'Show all',
		showMore: 'Show more',
		searching: 'Searching…',
		copiesGone: 'These copies are no longer in the gallery.',
		seesLayout: 'Pages of text and screenshots: it sees layout, not words.',
		cancelled: { title: 'Search cancelled', text: 'No results were loaded.' },
		searchAgain: 'Search again',
		anotherPicture: 'Another picture',
		nothingMatches: {
			title: 'Nothing matches these filters',
			text: 'There may be similar pictures without them.',
		},
		badFilters: {
			title: 'These filters do not fit this gallery',
			text: 'The link may be old or incomplete. The search works without them.',
		},
		removeFilters: 'Remove filters',
		onlyOne: { title: 'No other pictures', text: 'This is the only one in the gallery.' },
	},

	pictures: {
		actions: {
			similar: 'More like this',
			more: 'Also like this',
			less: 'Less like this',
			compare: 'Compare side by side',
			details: 'Details',
			open: 'Open original',
			link: 'Copy link',
			delete: 'Delete…',
		},
		searching: {
			more: (/** @type {string} */ name) => `Searching for more like ${name}`,
			less: (/** @type {string} */ name) => `Searching for less like ${name}`,
		},
		query: 'The picture you are searching with',
		yes: 'yes',
		no: 'no',
		facts: {
			match: 'Match',
			copyOf: (/** @type {number} */ rank) => `Copy of ${rank}`,
			size: 'Size',
			pixels: (/** @type {string} */ width, /** @type {string} */ height) =>
				`${width} × ${height} pixels`,
			labels: 'Labels',
			file: 'File',
			added: 'Added',
			id: 'ID',
			flaws: 'Flaws',
		},
		viewer: {
			close: 'Close',
			previous: 'Previous picture',
			next: 'Next picture',
			zoomIn: 'Zoom in',
			zoomOut: 'Zoom out',
			place: (/** @type {string} */ at, /** @type {string} */ of) => `${at} of ${of}`,
			preview: (/** @type {string} */ format) =>
				`This browser cannot show ${format || 'this file'}. You see a smaller preview.`,
		},
		comparing: {
			title: 'Side by side',
			beside: 'Next to each other',
			slider: 'On top of each other',
			swap: 'Hold to swap',
			divider: 'Where one picture ends and the other begins',
			running: 'Comparing…',
			failed: 'There is nothing to compare with.',
			match: (/** @type {string} */ percent) => `Match in a search: ${percent}.`,
			tooLittle: 'Too little detail to tell copies.',
			bits: (/** @type {number} */ bits) => `Their fingerprints differ in ${bits} of 256 bits.`,
			bitsTurned: (/** @type {number} */ bits) =>
				`Unturned, their fingerprints differ in ${bits} of 256 bits.`,
		},
		deletion: {
			question: 'Delete this picture?',
			gone: ' and its original will be deleted permanently.',
			staysInPlace: ' leaves the gallery. The file itself stays in its folder.',
			allStay: 'Only the gallery forgets them: the files stay in their folder.',
			cancel: 'Cancel',
			accept: 'Delete',
			done: 'Picture deleted.',
			undo: 'Undo',
			running: (/** @type {string} */ pictures) => `Deleting ${pictures}.`,
			allDone: (/** @type {string} */ pictures) => `${pictures} deleted.`,
			failed: (/** @type {string} */ reason) => `Not deleted. ${reason}`,
		},
	},

	browse: {
		link: 'Browse',
		title: 'All pictures',
		find: 'Find by name',
		found: 'found',
		more: 'Show more',
		none: {
			title: 'No picture has this name',
			text: 'Names are searched by the beginnings of their words.',
		},
		showAll: 'Show all pictures',
		actionsFor: (/** @type {string} */ name) => `Actions for ${name}`,
		add: 'Add pictures',
		retry: 'Try again',
		enterKey: 'Enter a key',
	},

	add: {
		title: 'Add pictures',
		progress: 'Upload progress',
		hint: 'Drop pictures or folders anywhere on this page, paste one, or',
		chooseFiles: 'Choose pictures',
		chooseFolder: 'Choose a folder',
		filesToAdd: 'Pictures to add',
		folderToAdd: 'Folder to add',
		setLabels: 'Set folder and labels',
		folder: 'Folder',
		folderHint: 'summer/',
		hints: { text: 'Any text', whole: 'Whole number', number: 'Number' },
		notWhole: 'Write a whole number, such as 12.',
		notNumber: (/** @type {string} */ example) => `Write a number, such as ${example}.`,
		held: 'Correct the labels first. Nothing was sent yet.',
		addHeld: (/** @type {string} */ pictures) => `Add ${pictures}`,
		queued: (/** @type {string} */ pictures) => `${pictures} queued`,
		enterKey: 'Enter a key with write access.',
		anotherKey: 'Enter another key',
		viewOnly: {
			title: 'This key is view-only',
			text: 'Adding pictures needs a key with write access.',
		},
		/** @type {Record<UploadState, string>} */
		states: {
			waiting: 'Waiting',
			uploading: 'Uploading',
			added: 'Added',
			replaced: 'Replaced',
			duplicate: 'Duplicate',
			rejected: 'Rejected',
			failed: 'Failed',
			stopped: 'Stopped',
		},
		/** @type {Record<string, string>} */
		counted: {
			added: 'added',
			replaced: 'replaced',
			rejected: 'rejected',
			failed: 'failed',
			stopped: 'stopped',
		},
		uploading: (/** @type {string} */ percent) => `Uploading ${percent}`,
		processing: 'Processing',
		duplicateOf: 'of ',
		nameTaken: 'Another picture has this name.',
		wrongLabels: 'The gallery did not accept the labels. Correct them above, then try again.',
		tooLarge: (/** @type {string} */ size, /** @type {string} */ limit) =>
			`It is ${size}; the limit is ${limit}.`,
		retry: 'Retry',
		replace: 'Replace it',
		findSimilar: 'Find similar',
		addAnyway: 'Add anyway',
		done: (/** @type {string} */ done, /** @type {string} */ total) => `${done} of ${total} done`,
		allDone: (/** @type {string} */ pictures) => `All ${pictures} done`,
		skipped: (/** @type {string} */ files) => `${files} skipped: not pictures`,
		stop: 'Stop',
		goOn: (/** @type {string} */ number) => `Continue with ${number}`,
		retryFailed: (/** @type {string} */ number) => `Retry ${number} failed`,
		clear: 'Clear list',
	},
};
