// The view to add pictures: files or folders, and what became of each. Loaded when used.
// Depends on badge, dom, files, gallery, key, labels, rows, state, text, upload-queue and words.

import { $, announce, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { canAdd, galleryChanged, getLimits, inPlace } from '../gallery/gallery.js';
import { clearResults } from '../gallery/search.js';
import { count, describeError, number } from '../words/text.js';
import { words } from '../words/words.js';
import { showBadge } from './badge.js';
import { chosenFiles, droppedFiles, filesOfField, pastedFiles, sortFiles } from './files.js';
import { labels, labelsAreRight, loadLabels, readLabels } from './labels.js';
import * as queue from './upload-queue.js';
import { addRow, clearRows, rowList, showItem } from './upload-rows.js';

const text = words.add;
/** @type {UploadState[]} */
const DONE = ['added', 'replaced', 'duplicate', 'rejected', 'failed'];

/** @type {Promise<boolean>} */
let allowed = Promise.resolve(false);
/** @type {NamedFile[]} */
let held = []; // until the labels are right
/** @type {Set<string>} */
const others = new Set(); // files that are no pictures

const counts = el('p', { role: 'status' });
const skipped = el('p', { class: 'muted' });
const bar = el('progress', { max: 1, value: 0, 'aria-label': text.progress });
const tools = el('div', { class: 'row' });
const summary = el('div', { class: 'summary', hidden: true }, counts, skipped, bar, tools);
const notice = el('p', { class: 'notice', hidden: true });
const form = el('div', { class: 'adding', hidden: true }, dropTarget(), labels, notice);
const enterKey = async () => (await askForKey(text.enterKey)) && enter();
const viewOnly = inPlace
	? messageCard(describeError({ code: 'read-only-originals', status: 403, detail: '' }), [])
	: messageCard(text.viewOnly, [
			button(text.anotherKey, enterKey, { kind: 'secondary', icon: 'key' }),
		]);
viewOnly.hidden = true;
const trouble = el('div', { hidden: true }); // in place of the form while the gallery does not answer
const heading = el('h1', {}, text.title);
$('#add').append(el('div', { class: 'page' }, heading, trouble, viewOnly, form, summary, rowList));
queue.onItemChange(onItemChange);
labels.addEventListener('input', () => showHeld());

export async function enter() {
	allowed = canAdd();
	loadLabels();
	const isAllowed = await allowed;
	/** @type {ApiFailure | null} */
	const error = isAllowed
		? null
		: await getLimits().then(
				() => null,
				(failure) => failure,
			);
	trouble.hidden = !error;
	viewOnly.hidden = isAllowed || Boolean(error);
	form.hidden = !isAllowed;
	if (!error) return;
	const retry = button(words.frame.retry, enter, { kind: 'secondary', icon: 'retry' });
	trouble.replaceChildren(messageCard(describeError(error), [retry]));
}

addEventListener('online', () => trouble.hidden || enter());

export const addPasted = (/** @type {File[]} */ files) => addFiles(pastedFiles(files));

export const addDropped = async (/** @type {DataTransfer} */ transfer) =>
	addFiles(await droppedFiles(transfer));

// Files that were dropped on another view.
export async function addChosen(/** @type {File[]} */ files) {
	await enter();
	await addFiles(chosenFiles(files));
}

function dropTarget() {
	const files = el('input', {
		type: 'file',
		multiple: true,
		accept: /** @type {HTMLInputElement} */ ($('#file')).accept,
		hidden: true,
		'aria-label': text.filesToAdd,
	});
	const folder = el('input', {
		type: 'file',
		webkitdirectory: true,
		hidden: true,
		'aria-label': text.folderToAdd,
	});
	for (const field of [files, folder]) {
		field.onchange = () => {
			addFiles(filesOfField(field));
			field.value = '';
		};
	}
	return el(
		'div',
		{ class: 'target' },
		el('p', { class: 'hint' }, text.hint),
		el(
			'div',
			{ class: 'row' },
			button(text.chooseFiles, () => files.click(), { kind: 'primary', icon: 'picture' }),
			button(text.chooseFolder, () => folder.click(), { kind: 'secondary', icon: 'folder' }),
		),
		files,
		folder,
	);
}

async function addFiles(/** @type {NamedFile[]} */ files) {
	if (!files.length || !(await allowed)) return;
	const { skipped_suffixes: suffixes } = await getLimits();
	const sorted = sortFiles(files, suffixes);
	for (const { file, name } of sorted.others) others.add(name ?? file.name);
	held.push(...sorted.pictures);
	await addHeld();
	showCounts();
}

async function addHeld() {
	if (!labelsAreRight()) return showHeld();
	const pictures = held;
	held = [];
	showHeld();
	for (const item of queue.enqueue(pictures, await readLabels())) addRow(item, retry);
	announce(text.queued(count(pictures.length, 'picture')));
}

// Nothing is sent while a label is wrong.
function showHeld() {
	notice.hidden = !held.length;
	if (!held.length) return;
	const add = button(text.addHeld(count(held.length, 'picture')), addHeld, { kind: 'secondary' });
	notice.replaceChildren(el('span', {}, text.held), add);
}

async function retry(/** @type {UploadItem[] | undefined} */ some = undefined) {
	if (labelsAreRight()) queue.retry(some, (await readLabels()).metadata);
}

function onItemChange(/** @type {UploadItem} */ item) {
	showItem(item);
	showCountsSoon();
	if (item.state !== 'added' && item.state !== 'replaced') return;
	clearResults(); // the next search finds it
	galleryChanged('added');
}

let counting = false;

// Once for all that changes at the same time: a stop changes ten thousand.
function showCountsSoon() {
	if (counting) return;
	counting = true;
	queueMicrotask(() => {
		counting = false;
		showCounts();
	});
}

function showCounts() {
	const states = queue.countStates();
	const total = queue.allItems().length;
	const done = DONE.reduce((sum, state) => sum + (states[state] ?? 0), 0);
	const parts = [...DONE, /** @type {const} */ ('stopped')]
		.filter((state) => states[state])
		.map((state) =>
			state === 'duplicate'
				? count(states.duplicate ?? 0, 'duplicate')
				: `${number(states[state] ?? 0)} ${text.counted[state]}`,
		);
	const progress =
		done < total ? text.done(number(done), number(total)) : text.allDone(count(total, 'picture'));
	summary.hidden = total === 0 && others.size === 0;
	counts.textContent = total ? progress + (parts.length ? `: ${parts.join(', ')}` : '') : '';
	skipped.textContent = others.size ? text.skipped(count(others.size, 'file')) : '';
	skipped.title = [...others].join('\n');
	bar.hidden = total === 0;
	bar.value = total ? done / total : 0;
	tools.replaceChildren(...summaryButtons(states));
	showBadge(done, queue.isUploading() ? total : done);
}

function summaryButtons(/** @type {Partial<Record<UploadState, number>>} */ states) {
	if (queue.isUploading()) return [button(text.stop, queue.stop, { icon: 'close' })];
	const buttons = [];
	if (states.stopped) {
		const label = text.goOn(number(states.stopped));
		buttons.push(button(label, () => retry(), { kind: 'primary', icon: 'retry' }));
	} else if (states.failed) {
		const label = text.retryFailed(number(states.failed));
		buttons.push(button(label, () => retry(), { kind: 'primary', icon: 'retry' }));
	}
	return [...buttons, button(text.clear, clearList)];
}

function clearList() {
	queue.clearFinished();
	others.clear();
	clearRows();
	showCounts();
}
