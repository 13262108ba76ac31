// The texts of the page in the visitor's language, and numbers and dates as people write them there.
// A further language is one more file like de.js, with the same keys. Depends on the languages.

import { de } from './de.js';
import { en } from './en.js';

const LANGUAGES = { de, en };

// The first of the visitor's languages that there are texts in, with the habits of where they are:
// French-speaking visitors get English words, and dates with the day first. The words decide the
// digits, so that no Arabic ones stand in an English text.
const language = /** @type {keyof typeof LANGUAGES} */ (
	navigator.languages.map(languageOf).find((each) => each in LANGUAGES) ?? 'en'
);
const { region } = new Intl.Locale(navigator.language).maximize();
export const locale = region ? `${language}-${region}` : language;

export const words = LANGUAGES[language];

function languageOf(/** @type {string} */ tag) {
	return tag.split('-')[0].toLowerCase();
}

// Fill in the texts of the HTML: an element names its text by data-words="start.title".
export function translateDocument() {
	document.documentElement.lang = language;
	document.querySelector('meta[name=description]')?.setAttribute('content', words.frame.about);
	for (const node of document.querySelectorAll('[data-words]')) {
		node.textContent = textOf(node, 'words');
	}
	for (const node of document.querySelectorAll('[data-words-label]')) {
		node.setAttribute('aria-label', textOf(node, 'wordsLabel'));
	}
}

function textOf(/** @type {Element} */ node, /** @type {string} */ name) {
	const path = /** @type {HTMLElement} */ (node).dataset[name]?.split('.') ?? [];
	/** @type {any} */
	let text = words;
	for (const part of path) text = text[part];
	return /** @type {string} */ (text);
}
