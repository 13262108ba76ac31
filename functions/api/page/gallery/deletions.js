// Deletions that can be undone for some seconds: they are sent when that time is over or the page
// is left. Depends on api, dialogs, dom, gallery, search, text and words.

import { toast } from '../frame/dialogs.js';
import { button } from '../frame/dom.js';
import { count, describeError } from '../words/text.js';
import { words } from '../words/words.js';
import { post, postAndLeave } from './api.js';
import { galleryChanged } from './gallery.js';
import { clearResults } from './search.js';

export const UNDO_S = 8;
const MOST_IDS = 500; // in one request; a browser sends 64 KB after a page is left, three of these

/**
 * @typedef {object} Deletion
 * @property {string[]} ids
 * @property {() => void} restore - puts the pictures back on the page
 * @property {() => void} forget - they are deleted
 * @property {number} timer
 * @property {HTMLElement} message
 */
/** @type {Deletion[]} */
let waiting = [];
/** @type {Map<Deletion, Promise<void>>} */
const sending = new Map();

/** @type {(ids: string[], restore: () => void, forget: () => void) => void} */
export function deleteSoon(ids, restore, forget) {
	const undo = button(words.pictures.deletion.undo, () => undoDeletion(deletion));
	/** @type {Deletion} */
	const deletion = {
		ids,
		restore,
		forget,
		timer: setTimeout(() => send(deletion), UNDO_S * 1000),
		message: toast(words.pictures.deletion.running(count(ids.length, 'picture')), undo),
	};
	waiting.push(deletion);
}

// Undo one deletion, or the last that is not sent yet. Returns false if there is none.
export function undoDeletion(deletion = waiting.at(-1)) {
	if (!deletion || !waiting.includes(deletion)) return false;
	stopWaiting(deletion);
	deletion.restore();
	return true;
}

// Send all that wait. Resolves once the gallery has answered.
export async function sendDeletions() {
	for (const deletion of waiting) send(deletion);
	await Promise.all(sending.values());
}

function send(/** @type {Deletion} */ deletion) {
	stopWaiting(deletion);
	const sent = remove(deletion).finally(() => sending.delete(deletion));
	sending.set(deletion, sent);
}

function stopWaiting(/** @type {Deletion} */ deletion) {
	clearTimeout(deletion.timer);
	deletion.message.remove();
	waiting = waiting.filter((each) => each !== deletion);
}

async function remove(/** @type {Deletion} */ { ids, restore, forget }) {
	try {
		for (const part of parts(ids)) {
			for (let remaining = 1; remaining; ) {
				({ remaining } = await post('v1/images/delete', { ids: part }));
			}
		}
		forget();
		clearResults(ids);
		toast(words.pictures.deletion.allDone(count(ids.length, 'picture')));
	} catch (error) {
		const { title, text } = describeError(error);
		restore();
		toast(words.pictures.deletion.failed(`${title}. ${text}`));
	}
	clearResults();
	galleryChanged('deleted');
}

/** @type {(ids: string[]) => string[][]} */
const parts = (ids) =>
	ids.length > MOST_IDS ? [ids.slice(0, MOST_IDS), ...parts(ids.slice(MOST_IDS))] : [ids];

// Also those that are being sent: leaving the page may cancel their requests.
addEventListener('pagehide', () => {
	for (const { ids } of [...waiting, ...sending.keys()]) {
		for (const part of parts(ids)) postAndLeave('v1/images/delete', { ids: part });
	}
	for (const deletion of waiting) {
		stopWaiting(deletion);
		deletion.forget();
	}
	clearResults();
	galleryChanged('deleted');
});
