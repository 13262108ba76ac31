// The texts of the page in the visitor's language, and numbers and dates as people write them there.
// A further language is one more file like de.js, with the same keys. Depends on the languages.

import { de } from './de.js';
import { en } from './en.js';

const LANGUAGES = { de, en };

// The browser's tags in the visitor's order: `de-CH` is answered in German, with Swiss numbers.
export const locale =
	navigator.languages.find((tag) => tag.slice(0, 2).toLowerCase() in LANGUAGES) ?? 'en';
const language = /** @type {keyof typeof LANGUAGES} */ (locale.slice(0, 2).toLowerCase());

export const words = LANGUAGES[language];

// Fill in the texts of the HTML: an element names its text by data-words="start.title".
export function translateDocument() {
	document.documentElement.lang = language;
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
