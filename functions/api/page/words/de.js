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
		unknown: { title: 'Etwas ist schiefgegangen' },
		supported: (formats) => `Unterstützt: ${formats}.`,
		byCode: {
			offline: {
				title: 'Keine Verbindung zur Galerie',
				text: 'Dieses Gerät ist offline, oder die Galerie läuft nicht.',
			},
			'key-missing': { title: 'Diese Galerie braucht einen Schlüssel', text: KEY_NEEDED },
			'key-refused': { title: 'Dein Schlüssel erlaubt das nicht' },
			'store-unreachable': NOT_READY,
			'store-timeout': NOT_READY,
			'store-busy': NOT_READY,
			'store-full': {
				title: 'Die Galerie ist voll',
				text: 'Für weitere Bilder ist kein Platz.',
			},
			'image-not-found': {
				title: 'Dieses Bild ist nicht mehr in der Galerie',
				text: 'Es wurde gelöscht, oder der Link ist unvollständig.',
			},
			'unreadable-original': {
				title: 'Das Original lässt sich gerade nicht öffnen',
				text: 'Es liegt in einem Archiv, oder der Zugriff ist gesperrt.',
			},
			'unsupported-format': { title: 'Diese Galerie kann die Datei nicht lesen' },
			'damaged-picture': {
				title: 'Dieses Bild ist beschädigt',
				text: 'Die Datei lässt sich nicht öffnen.',
			},
			'empty-picture': { title: 'Diese Datei ist leer', text: 'Wähle eine andere.' },
			'picture-too-large': { title: 'Dieses Bild ist zu groß' },
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
				text: 'Ihr Bild wurde nie gespeichert, und die Seite wurde neu geladen. Wähle es noch einmal.',
			},
			overloaded: BUSY,
			'http-429': BUSY,
			'http-503': BUSY,
		},
	},
};
