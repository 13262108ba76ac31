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
		verySimilar: { one: '{n} sehr ähnliches', other: '{n} sehr ähnliche' },
		similar: { one: '{n} ähnliches', other: '{n} ähnliche' },
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

	tile: {
		rank: 'Platz',
		details: ', Details',
		copyOf: (rank) => `Kopie von ${rank}: `,
		actions: (name) => `Aktionen für ${name}`,
		hideCopies: (copies) => `${copies} ausblenden`,
	},

	search: {
		start: {
			lines: ['Leg ein Bild ab,', 'finde ähnliche'],
			hint: 'Leg es irgendwo auf dieser Seite ab, füge es ein, oder',
			choose: 'Bild auswählen',
			camera: 'Foto aufnehmen',
			pictureField: 'Bild, mit dem gesucht wird',
			photoField: 'Foto, mit dem gesucht wird',
			limitations:
				'Findet gut denselben Gegenstand, die Art des Gegenstands oder eine Szene. Unterscheidet Gesichter schlecht. Bei Textseiten und Screenshots sieht es das Layout, nicht die Wörter. Bilder, mit denen du suchst, werden nicht gespeichert.',
			samples: 'Oder beginne mit einem von diesen',
			searchWith: (name) => `Mit ${name} suchen`,
			onlyFirst: (pictures) => `Gesucht wird mit dem ersten von ${pictures}n.`,
			addInstead: 'Stattdessen hinzufügen',
			addPictures: 'Bilder hinzufügen',
			enterKey: 'Schlüssel eingeben',
			tryAgain: 'Erneut versuchen',
		},
		title: (name) => `${name} · Lookalike`,
		queryLabel: 'Suchanfrage',
		queryPicture: 'Das Bild, mit dem du suchst',
		queryPictureNamed: (name) => `Das Bild, mit dem du suchst: ${name}`,
		pastedPicture: 'Eingefügtes Bild',
		cannotShrink: (limit) =>
			`Es ist größer als ${limit}, und dieser Browser kann es nicht verkleinern. Speichere es als JPEG und versuche es erneut.`,
		noPreview:
			'Dieser Browser kann das Format nicht anzeigen, aber vielleicht kann die Galerie es lesen.',
		fetched: 'Von der Galerie unter dieser Adresse abgerufen.',
		severalPictures: 'Mehrere Bilder',
		gone: 'Bild nicht mehr verfügbar',
		notStored: 'Nicht gespeichert, daher gibt es keinen Link zu dieser Suche.',
		pixels: (width, height) => `${width} × ${height} Pixel`,
		newPicture: 'Neues Bild',
		moreTools: 'Mehr',
		selectArea: 'Bereich auswählen',
		wholePicture: 'Ganzes Bild verwenden',
		areaSelected:
			'Bereich ausgewählt. Pfeiltasten bewegen ihn, Umschalt + Pfeiltasten ändern die Größe.',
		boxHelp: 'Pfeiltasten bewegen den Rahmen, Umschalt + Pfeiltasten ändern die Größe.',
		box: (sides) => `Ausgewählter Bereich: ${sides}`,
		sides: { left: 'links', top: 'oben', width: 'Breite', height: 'Höhe' },
		addToGallery: 'Zur Galerie hinzufügen',
		added: 'Hinzugefügt. Du kannst diese Suche jetzt teilen.',
		alreadyThere: 'Schon in der Galerie. Du kannst diese Suche jetzt teilen.',
		copyLink: 'Link kopieren',
		examples: { more: 'Mehr wie', less: 'Weniger wie' },
		removeExample: 'Dieses Beispiel entfernen',
		removeNamed: (name) => `${name} aus den Beispielen entfernen`,
		notAvailable: 'nicht verfügbar',

		filters: 'Filter',
		filtersActive: (number) => `Filter (${number})`,
		minimum: 'Mindestähnlichkeit: ',
		copies: 'Kopien',
		showCopies: 'Kopien zeigen',
		under: (high) => `unter ${high}`,
		orMore: (low) => `ab ${low}`,
		range: (low, high) => `${low} bis ${high}`,
		yes: 'ja',
		no: 'nein',
		someOf: (shown, results) => `${shown} von ${results}`,
		firstOf: (results) => `Die ersten ${results}`,
		hidden: (copies) => `${copies} ausgeblendet`,

		stages: { preparing: 'Vorbereiten', uploading: 'Hochladen', searching: 'Suchen' },
		progress: 'Fortschritt der Suche',
		cancel: 'Abbrechen',
		slow: 'Die Suche läuft noch. Nach einer Pause dauert die erste Suche länger.',

		groups: {
			same: 'Dasselbe Bild',
			close: 'Sehr ähnlich',
			similar: 'Ähnlich',
			unrated: 'Treffer',
			weak: 'Schwache Treffer',
		},
		noCloseMatch: 'Nichts wirklich Ähnliches',
		nearestAreWeak: 'Die nächsten sind nur schwache Treffer.',
		noMatch: 'So ähnlich ist nichts',
		nothingReaches: (min) => `Nichts erreicht ${min} %. Das sind die nächsten darunter.`,
		showAll: 'Alle zeigen',
		showMore: 'Mehr zeigen',
		searching: 'Suche läuft …',
		copiesGone: 'Diese Kopien sind nicht mehr in der Galerie.',
		seesLayout: 'Bei Textseiten und Screenshots sieht es das Layout, nicht die Wörter.',
		cancelled: { title: 'Suche abgebrochen', text: 'Es wurden keine Treffer geladen.' },
		searchAgain: 'Erneut suchen',
		anotherPicture: 'Anderes Bild',
		nothingMatches: {
			title: 'Nichts passt zu diesen Filtern',
			text: 'Ohne sie gibt es vielleicht ähnliche Bilder.',
		},
		badFilters: {
			title: 'Diese Filter passen nicht zu dieser Galerie',
			text: 'Der Link ist vielleicht alt oder unvollständig. Ohne sie funktioniert die Suche.',
		},
		removeFilters: 'Filter entfernen',
		onlyOne: { title: 'Keine anderen Bilder', text: 'Dieses ist das einzige in der Galerie.' },
	},
};
