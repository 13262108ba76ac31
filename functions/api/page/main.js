// The entry point: shows the current view and handles drops, pastes and links anywhere on the page.
// Depends on the views; loads add and duplicates.

import { toast } from './frame/dialogs.js';
import { $, el, icon } from './frame/dom.js';
import { getKey, keyChanges, openKey } from './frame/key.js';
import { current, hasQuery, showView, startSearch, stateChanges } from './frame/state.js';
import { galleryChanges, getLimits } from './gallery/gallery.js';
import { clearQuery, showQuery } from './search/query-panel.js';
import { leaveResults, showResults } from './search/results.js';
import { listenForFiles, searchWith, showSamples } from './search/start.js';
import { translateDocument, words } from './words/words.js';

const TITLES = words.frame.titles;
/** @type {typeof import('./add/add.js') | undefined} */
let add;
/** @type {typeof import('./browse/browse.js') | undefined} */
let browse;
/** @type {typeof import('./duplicates/duplicates.js') | undefined} */
let duplicates;
let samplesShown = false;

async function draw() {
	const view = /** @type {keyof TITLES} */ (current.view in TITLES ? current.view : 'search');
	const searching = view === 'search' && hasQuery(current);
	document.title = view === 'search' ? TITLES.search : `${TITLES[view]} · ${TITLES.search}`;
	for (const name of Object.keys(TITLES)) {
		$(`#${name}`).hidden = name !== view;
		const link = $(`nav [data-view=${name}]`);
		if (name === view) link.setAttribute('aria-current', 'page');
		else link.removeAttribute('aria-current');
	}
	duplicates?.leave();
	$('#start').hidden = searching;
	$('#found').hidden = !searching;
	if (searching) {
		showQuery(current);
		await showResults(current);
		return;
	}
	leaveResults();
	clearQuery();
	if (view === 'add') {
		add ??= await import('./add/add.js');
		add.enter();
	} else if (view === 'browse') {
		browse ??= await import('./browse/browse.js');
		browse.enter(current);
	} else if (view === 'duplicates') {
		duplicates ??= await import('./duplicates/duplicates.js');
		duplicates.enter(current);
	} else if (!samplesShown) {
		samplesShown = true;
		await showSamples();
	}
}

/** @type {KeyScope} */
let scope = 'unknown';

// Show what the key in use allows.
async function showKey() {
	const keyButton = $('#key-button');
	keyButton.hidden = !getKey();
	if (!getKey()) return;
	({ scope } = await getLimits({ quiet: true }).catch(() => ({ scope })));
	const { short } = words.key.scopes[scope];
	keyButton.replaceChildren(icon('key'), el('span', {}, short));
	keyButton.setAttribute('aria-label', `${words.key.label}: ${short}`);
	keyButton.title = `${words.key.label}: ${short}`;
}

async function changeKey() {
	if (await openKey(scope, words.gallery.keyNeeded)) location.assign('./');
}

function onFiles(/** @type {File[]} */ files) {
	if (!files.length) return;
	if (current.view === 'add') add?.addPasted(files);
	else searchWith(files, () => addInstead(files));
}

// The files that were dropped on the search.
async function addInstead(/** @type {File[]} */ files) {
	showView('add');
	add ??= await import('./add/add.js');
	add.addChosen(files);
}

async function onPaste(/** @type {ClipboardEvent} */ { clipboardData, target }) {
	const files = [...(clipboardData?.files ?? [])];
	if (files.length) return onFiles(files);
	if (/** @type {Element} */ (target).closest?.('input, textarea')) return;
	const text = clipboardData?.getData('text').trim() ?? '';
	if (!/^https?:\/\/\S+$/.test(text)) toast(words.frame.nothingPasted);
	else if ((await getLimits()).urls) startSearch({ url: text });
	else toast(words.frame.noAddresses);
}

function listenForDrops() {
	const cover = $('#cover');
	let timer = 0;
	const hide = () => {
		cover.hidden = true;
	};
	addEventListener('dragover', (event) => {
		if (!event.dataTransfer?.types.includes('Files')) return;
		event.preventDefault();
		clearTimeout(timer);
		$('p', cover).textContent =
			current.view === 'add' ? words.frame.dropToAdd : words.frame.dropToSearch;
		cover.hidden = false;
	});
	addEventListener('dragleave', () => {
		timer = setTimeout(hide, 120);
	});
	addEventListener('drop', (event) => {
		event.preventDefault();
		hide();
		if (!event.dataTransfer) return;
		if (current.view === 'add') add?.addDropped(event.dataTransfer);
		else onFiles([...event.dataTransfer.files]);
	});
}

function onClick(/** @type {MouseEvent} */ event) {
	/** @type {HTMLElement | null} */
	const link = /** @type {Element} */ (event.target).closest('a[data-view]');
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
	event.preventDefault();
	showView(link.dataset.view ?? 'search');
	scrollTo({ top: 0 });
}

document.addEventListener('click', onClick);
document.addEventListener('paste', onPaste);
stateChanges.addEventListener('change', draw);
galleryChanges.addEventListener('change', () => {
	samplesShown = false; // the start view shows what the gallery has now
});
keyChanges.addEventListener('change', showKey);
$('#key-button').onclick = changeKey;
translateDocument();
listenForDrops();
listenForFiles();
showKey();
draw();
