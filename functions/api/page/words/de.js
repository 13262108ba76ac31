// Every text of the page, in German, with the keys of en.js. Depends on no module.

const NOT_READY = {
	title: 'Die Galerie ist noch nicht bereit',
	text: 'Sie startet noch; das kann bis zu einer Minute dauern.',
};
const BUSY = {
	title: 'Die Galerie ist ausgelastet',
	text: 'Zu viele Anfragen auf einmal. Bitte kurz warten und erneut versuchen.',
};
const KEY_NEEDED = 'Einen Schlüssel bekommst du von den Betreibern dieser Galerie.';
const DROP_INSTEAD = 'Speichere das Bild und lege es hier ab.';
const ANOTHER = 'Wähle eine andere.';
const CHANGED = {
	title: 'Die Galerie hat sich geändert',
	text: 'Jemand anderes war schneller. Lade die Seite neu.',
};
const NOT_SET_UP = {
	title: 'Die Galerie kann nicht antworten',
	text: 'Es liegt an ihr, nicht an deinem Bild. Sag den Betreibern Bescheid.',
};
const TOO_LARGE = {
	title: 'Dieses Bild ist zu groß',
	text: 'Speichere eine kleinere Kopie und versuche es damit.',
};
const LOOK_ONLY = 'Nur zum Ansehen: Hier wird nichts gelöscht.';

/** @type {typeof import('./en.js').en} */
export const de = {
	counts: {
		copy: { one: '{n} Kopie', other: '{n} Kopien' },
		exactCopy: { one: '{n} exakte Kopie', other: '{n} exakte Kopien' },
		group: { one: '{n} Gruppe', other: '{n} Gruppen' },
		picture: { one: '{n} Bild', other: '{n} Bilder' },
		result: { one: '{n} Treffer', other: '{n} Treffer' },
	},

	flaws: {
		damaged: 'Das Ende dieser Datei fehlt.',
		'colour-profile-ignored': 'Ihr Farbprofil konnte nicht verwendet werden.',
	},

	gallery: {
		starting: 'Die Galerie startet. Das kann bis zu einer Minute dauern.',
		keyNeeded: KEY_NEEDED,
		dropInstead: DROP_INSTEAD,
		empty: {
			title: 'Diese Galerie ist leer',
			text: 'Sobald sie Bilder hat, findest du hier ähnliche.',
		},
	},

	errors: {
		unknown: {
			title: 'Etwas ist schiefgegangen',
			text: 'Es liegt nicht an dir. Versuche es noch einmal, und wenn das nicht hilft, sag den Betreibern dieser Galerie Bescheid.',
		},
		fileType: (format) => `Dateityp: ${format}.`,
		supported: (formats) => `Unterstützt: ${formats}.`,
		byCode: {
			offline: {
				title: 'Keine Verbindung zur Galerie',
				text: 'Dieses Gerät ist offline, oder die Galerie läuft nicht.',
			},
			'key-missing': { title: 'Diese Galerie braucht einen Schlüssel', text: KEY_NEEDED },
			'key-refused': {
				title: 'Dein Schlüssel erlaubt das nicht',
				text: 'Einen, der es erlaubt, bekommst du von den Betreibern dieser Galerie.',
			},
			'store-unreachable': NOT_READY,
			'store-timeout': NOT_READY,
			'store-busy': NOT_READY,
			'http-504': NOT_READY,
			'store-full': {
				title: 'Die Galerie ist voll',
				text: 'Für weitere Bilder ist kein Platz.',
			},
			'store-failed': NOT_SET_UP,
			'store-denied': NOT_SET_UP,
			'store-rejected': NOT_SET_UP,
			'model-mismatch': NOT_SET_UP,
			'other-originals': NOT_SET_UP,
			settings: NOT_SET_UP,
			'image-not-found': {
				title: 'Dieses Bild ist nicht mehr in der Galerie',
				text: 'Es wurde gelöscht, oder der Link ist unvollständig.',
			},
			'object-changed': {
				title: 'Dieses Bild wurde gerade ersetzt',
				text: 'Versuche es noch einmal mit dem neuen.',
			},
			'unreadable-original': {
				title: 'Das Original lässt sich gerade nicht öffnen',
				text: 'Es liegt in einem Archiv, oder der Zugriff ist gesperrt.',
			},
			'unsupported-format': { title: 'Diese Galerie kann die Datei nicht lesen', text: ANOTHER },
			'damaged-picture': {
				title: 'Dieses Bild ist beschädigt',
				text: 'Die Datei lässt sich nicht öffnen. Wähle eine andere Kopie davon.',
			},
			'empty-picture': { title: 'Diese Datei ist leer', text: ANOTHER },
			'picture-too-large': TOO_LARGE,
			'too-many-pixels': TOO_LARGE,
			'body-too-large': TOO_LARGE,
			'http-413': TOO_LARGE,
			'name-taken': {
				title: 'Ein anderes Bild heißt schon so',
				text: 'Ersetze es, oder benenne die Datei um.',
			},
			'invalid-name': {
				title: 'So kann kein Bild heißen',
				text: 'Benenne die Datei um und versuche es noch einmal.',
			},
			'invalid-metadata': {
				title: 'Eine der Angaben ist ungültig',
				text: 'Prüfe die Angaben und versuche es noch einmal.',
			},
			'invalid-filter': {
				title: 'Danach kann diese Galerie nicht filtern',
				text: 'Entferne den Filter, um alle Treffer zu sehen.',
			},
			'invalid-examples': {
				title: 'Diese Beispiele heben sich gegenseitig auf',
				text: 'Entferne eins davon.',
			},
			'invalid-cursor': CHANGED,
			'url-refused': {
				title: 'Diese Galerie kann die Adresse nicht abrufen',
				text: DROP_INSTEAD,
			},
			'url-unreachable': {
				title: 'Die Adresse konnte nicht abgerufen werden',
				text: DROP_INSTEAD,
			},
			'picture-gone': {
				title: 'Diese Suche lässt sich nicht wiederholen',
				text: 'Ihr Bild wurde nie gespeichert. Wähle es noch einmal.',
			},
			'not-reached': BUSY,
			'out-of-memory': BUSY,
			overloaded: BUSY,
			'request-timeout': {
				title: 'Das Senden hat zu lange gedauert',
				text: 'Versuche es noch einmal, oder sende eine kleinere Kopie.',
			},
			'http-429': BUSY,
			'http-503': BUSY,
		},
	},

	likeness: {
		'same-bytes': { name: 'Dieselbe Datei', more: '' },
		'same-picture': {
			name: 'Dasselbe Bild',
			more: ' in anderer Größe, Qualität oder anderem Format',
		},
		edited: {
			name: 'Bearbeitet oder umgefärbt',
			more: ': dieselben Formen in anderen Farben oder mit kleinen Änderungen',
		},
		turned: { name: 'Gespiegelt oder gedreht', more: '' },
		lookalike: {
			name: 'Zum Verwechseln',
			more: ': wohl zugeschnitten, gedreht, beschriftet oder verdeckt',
		},
		similar: { name: 'Ähnlich', more: '' },
		weak: { name: 'Schwacher Treffer', more: '' },
	},
	seesLayout: 'Gesehen wird die Gestaltung, nicht der Text.',

	frame: {
		about: 'Lege ein Bild ab und finde ähnliche.',
		skip: 'Zum Inhalt springen',
		main: 'Hauptmenü',
		search: 'Suchen',
		duplicates: 'Duplikate',
		add: 'Hinzufügen',
		titles: { search: 'Lookalike', duplicates: 'Duplikate', add: 'Bilder hinzufügen' },
		close: 'Schließen',
		cancel: 'Abbrechen',
		retry: 'Noch einmal versuchen',
		link: 'Link',
		linkCopied: 'Link kopiert.',
		copyLink: 'Diesen Link kopieren',
		dropToAdd: 'Zum Hinzufügen loslassen',
		dropToSearch: 'Loslassen, um ähnliche Bilder zu finden',
		nothingPasted: 'In der Zwischenablage ist kein Bild.',
		noAddresses: `Diese Galerie ruft keine Bilder aus dem Netz ab. ${DROP_INSTEAD}`,
	},

	key: {
		enter: 'Schlüssel eingeben',
		needed: 'Schlüssel benötigt',
		invalid: 'Dieser Schlüssel ist ungültig.',
		label: 'Schlüssel',
		kept: 'Er bleibt in diesem Tab und geht nur an diese Galerie. In Links steht er nie.',
		notNow: 'Jetzt nicht',
		use: 'Schlüssel verwenden',
		yours: 'Dein Schlüssel',
		scopes: {
			read: { short: 'Nur ansehen', text: 'Du kannst suchen und Bilder ansehen.' },
			write: { short: 'Bearbeiten', text: 'Du kannst suchen, Bilder hinzufügen und löschen.' },
			admin: { short: 'Voller Zugriff', text: 'Du kannst in dieser Galerie alles tun.' },
			unknown: { short: 'Schlüssel', text: 'Was er erlaubt, sagt die Galerie nicht.' },
		},
		another: 'Anderen Schlüssel verwenden',
		forget: 'Schlüssel vergessen',
		forgetQuestion: 'Schlüssel vergessen?',
		forgetText: 'Dieser Tab hat ihn dann nicht mehr. Für die Galerie gibst du ihn neu ein.',
		forgetNow: 'Vergessen',
	},

	duplicates: {
		title: 'Duplikate',
		kindsLabel: 'Was als Duplikat gilt',
		kinds: {
			'same-bytes': { label: 'Exakte Kopien', text: 'Jede ist mehrfach gespeichert.' },
			'same-picture': { label: 'Dasselbe Bild', text: '' },
			edited: {
				label: 'Varianten',
				text: 'Etwa ein Produkt in mehreren Farben. Nichts ist vorgeschlagen; markiere, was du nicht willst.',
			},
			turned: { label: 'Gespiegelt oder gedreht', text: LOOK_ONLY },
			lookalike: {
				label: 'Zum Verwechseln',
				text: `Textseiten und Bildschirmfotos können hier stehen, ohne Kopien zu sein. ${LOOK_ONLY}`,
			},
		},
		undoFor: (seconds) => `Löschen lässt sich ${seconds} Sekunden lang rückgängig machen.`,
		keysLabel: 'Tastenkürzel',
		keys: [
			[['←', '→'], 'nächstes Bild'],
			[['↑', '↓'], 'nächste Gruppe'],
			[['K'], 'behalten'],
			[['D'], 'löschen'],
			[['Enter'], 'Gruppe bestätigen'],
			[['U'], 'rückgängig'],
		],
		checking: 'Die Galerie wird geprüft…',
		checkedLabel: 'Geprüfte Bilder',
		checked: (done, all) => `${done} von ${all} geprüft…`,
		showMore: 'Mehr anzeigen',
		none: (kind) => `${kind}: keine`,
		noneAtAll: 'In dieser Galerie gibt es keine.',
		noneButIgnored: 'Außer denen, die keine Duplikate sein sollen.',
		noneButShots: 'Nur Rohdateien und die Bilder daraus.',
		ignored: (groups) =>
			`Ausgeblendet, weil keine Duplikate: ${groups}. Das merkt sich nur dieser Browser.`,
		showAgain: 'Wieder anzeigen',
		shots: (groups) => `Raw und JPEG einer Aufnahme: ${groups}, nichts zu löschen`,
		shot: (formats) => `${formats.join(' und ')} einer Aufnahme`,
		raw: 'Raw',
		notDuplicates: 'Keine Duplikate',
		acceptAll: (copies) => `Alle exakten Kopien löschen (${copies})…`,
		acceptQuestion: (copies) => `${copies} löschen?`,
		acceptText: (groups) => `Aus ${groups} bleibt je mindestens eine Datei.`,
		restored: 'Wiederhergestellt.',
		keep: 'Behalten',
		delete: 'Löschen',
		keepPicture: (name) => `${name} behalten`,
		deletePictures: (pictures) => `${pictures} löschen`,
		keepOne: 'Eins muss bleiben',
		keepOnePicture: 'Mindestens ein Bild muss bleiben.',
		comparePicture: (name) => `${name} vergleichen`,
		compareAlso: ', vergleichen',
		suggested: 'Vorschlag: behalten',
		comparedWith: 'Mit diesem werden die anderen verglichen',
		larger: 'größer',
		smaller: 'kleiner',
		insteadOf: (one, other) => `${one} statt ${other}`,
		moreBytes: 'mehr Bytes',
		fewerBytes: 'weniger Bytes',
		later: 'später hinzugefügt',
		earlier: 'früher hinzugefügt',
		otherMetadata: 'andere Angaben',
	},
};
