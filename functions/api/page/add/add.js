// The view to add pictures: files or folders, and what became of each. Loaded when used.
// Depends on dom, files, gallery, images, key, likeness, search, state, text and upload-queue.

import { $, announce, bdi, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { startSearch } from '../frame/state.js';
import { can, getLimits } from '../gallery/gallery.js';
import { showThumbnail } from '../gallery/images.js';
import { likenessName } from '../gallery/likeness.js';
import { clearResults } from '../gallery/search.js';
import { count, fileSize } from '../words/text.js';
import { droppedFiles, filesOfField, pastedFiles, withoutCompanions } from './files.js';
import * as queue from './upload-queue.js';

const LABELS = {
	waiting: 'Waiting',
	uploading: 'Uploading',
	added: 'Added',
	replaced: 'Replaced',
	duplicate: 'Duplicate',
	rejected: 'Rejected',
	failed: 'Failed',
};
/** @type {UploadState[]} */
const DONE = ['added', 'replaced', 'duplicate', 'rejected', 'failed'];
const FIELD_HINTS = {
	keyword: 'Text',
	integer: 'Whole number',
	float: 'Number',
	bool: 'true or false',
	datetime: 'Date',
};

/** @typedef {{ element: HTMLElement, img: HTMLImageElement, status: HTMLElement, tools: HTMLElement }} Row */
/** @type {Map<UploadItem, Row>} */
const rows = new Map();
/** @type {Promise<boolean>} */
let allowed = Promise.resolve(false);

const list = el('ul', { class: 'uploads' });
const counts = el('p', { role: 'status' });
const bar = el('progress', { max: 1, value: 0, 'aria-label': 'Upload progress' });
const tools = el('div', { class: 'row' });
const summary = el('div', { class: 'summary', hidden: true }, counts, bar, tools);
const fields = labelFields();
const labels = el(
	'details',
	{ class: 'labels' },
	el('summary', {}, 'Set folder and labels'),
	fields,
);
const form = el('div', { class: 'adding', hidden: true }, dropTarget(), labels);
const enterKey = async () => (await askForKey('Enter a key with write access.')) && enter();
const viewOnly = messageCard(
	{ title: 'This key is view-only', text: 'Adding pictures needs a key with write access.' },
	[button('Enter another key', enterKey, { kind: 'secondary', icon: 'key' })],
);
viewOnly.hidden = true;
const heading = el('h1', {}, 'Add pictures');
$('#add').append(el('div', { class: 'page' }, heading, viewOnly, form, summary, list));
queue.onItemChange(onItemChange);

export async function enter() {
	allowed = can('write');
	const canAdd = await allowed;
	viewOnly.hidden = canAdd;
	form.hidden = !canAdd;
}

export const addPasted = (/** @type {File[]} */ files) => addFiles(pastedFiles(files));

export const addDropped = async (/** @type {DataTransfer} */ transfer) =>
	addFiles(await droppedFiles(transfer));

function dropTarget() {
	const files = el('input', {
		type: 'file',
		multiple: true,
		accept: /** @type {HTMLInputElement} */ ($('#file')).accept,
		hidden: true,
		'aria-label': 'Pictures to add',
	});
	const folder = el('input', {
		type: 'file',
		webkitdirectory: true,
		hidden: true,
		'aria-label': 'Folder to add',
	});
	for (const field of [files, folder]) {
		field.onchange = () => {
			addFiles(filesOfField(field));
			field.value = '';
		};
	}
	const chooseFiles = button('Choose pictures', () => files.click(), {
		kind: 'primary',
		icon: 'picture',
	});
	const chooseFolder = button('Choose a folder', () => folder.click(), {
		kind: 'secondary',
		icon: 'folder',
	});
	return el(
		'div',
		{ class: 'target' },
		el('p', { class: 'hint' }, 'Drop pictures or folders anywhere on this page, paste one, or'),
		el('div', { class: 'row' }, chooseFiles, chooseFolder),
		files,
		folder,
	);
}

// What to file the next pictures under: a folder, and the metadata that can be filtered by.
function labelFields() {
	const fields = el('div', { class: 'fields' });
	const field = (
		/** @type {string} */ name,
		/** @type {Child} */ label,
		/** @type {string} */ hint,
	) =>
		el(
			'label',
			{},
			label,
			el('input', { 'data-field': name, placeholder: hint, autocomplete: 'off' }),
		);
	fields.append(field('', 'Folder', 'summer/'));
	getLimits().then(
		({ filter_fields: types }) => {
			for (const [name, type] of Object.entries(types)) {
				fields.append(field(name, bdi(name), FIELD_HINTS[type]));
			}
		},
		() => {},
	);
	return fields;
}

async function readLabels() {
	const { filter_fields: types } = await getLimits();
	/** @type {Metadata} */
	const metadata = {};
	let prefix = '';
	for (const input of fields.querySelectorAll('input')) {
		const field = input.dataset.field ?? '';
		const value = input.value.trim();
		const type = types[field];
		if (!field) prefix = value && `${value.replace(/^\/+|\/+$/g, '')}/`;
		else if (!value) continue;
		else if (type === 'integer' || type === 'float') metadata[field] = Number(value);
		else metadata[field] = type === 'bool' ? value === 'true' : value;
	}
	return { prefix, metadata };
}

async function addFiles(/** @type {NamedFile[]} */ files) {
	if (!files.length || !(await allowed)) return;
	const { skipped_suffixes: suffixes } = await getLimits();
	const pictures = withoutCompanions(files, suffixes);
	for (const item of queue.enqueue(pictures, await readLabels())) addRow(item);
	announce(`${count(pictures.length, 'picture')} queued`);
}

function addRow(/** @type {UploadItem} */ item) {
	const img = el('img', { alt: '', width: 56, height: 56, loading: 'lazy' });
	img.onerror = () => img.removeAttribute('src'); // this browser cannot show it
	img.src = URL.createObjectURL(item.file);
	const name = el('p', { class: 'name' }, bdi(item.name ?? item.file.name));
	const status = el('p', { class: 'upload-status' });
	const tools = el('div', { class: 'row' });
	const element = el('li', {}, img, el('div', {}, name, status), tools);
	rows.set(item, { element, img, status, tools });
	list.prepend(element);
	showItem(item);
}

function onItemChange(/** @type {UploadItem} */ item) {
	showItem(item);
	showCounts();
	if (item.state === 'added' || item.state === 'replaced') clearResults(); // the next search finds it
}

function showItem(/** @type {UploadItem} */ item) {
	const row = rows.get(item);
	if (!row) return;
	const { element, img, status, tools } = row;
	const { state, uploaded = 0 } = item;
	const uploading = uploaded < 1 ? `Uploading ${Math.floor(uploaded * 100)}%` : 'Processing';
	const label = state === 'uploading' ? uploading : LABELS[state];
	element.dataset.state = state;
	status.replaceChildren(el('strong', {}, label), ' ', detailOf(item));
	tools.replaceChildren(...buttonsFor(item));
	if (item.image && !img.dataset.stored) {
		img.dataset.stored = '1';
		URL.revokeObjectURL(img.src);
		showThumbnail(img, item.image);
	}
}

function detailOf(/** @type {UploadItem} */ { state, image, near, detail, file }) {
	if (state === 'duplicate' && image) return el('span', {}, 'of ', bdi(image.name));
	const [similar] = near ?? [];
	if (similar) {
		return el('span', {}, `${likenessName(similar)}: `, bdi(similar.name));
	}
	return el('span', { class: 'muted' }, detail || fileSize(file.size));
}

function buttonsFor(/** @type {UploadItem} */ item) {
	const { state, image, nameTaken } = item;
	if (state === 'failed') return [button('Retry', () => queue.retry([item]), { icon: 'retry' })];
	if (state === 'rejected' && nameTaken) return [button('Replace it', () => queue.replace(item))];
	if (!image) return [];
	return [button('Find similar', () => startSearch({ id: image.id }), { icon: 'similar' })];
}

function showCounts() {
	const states = queue.countStates();
	const total = queue.allItems().length;
	const done = DONE.reduce((sum, state) => sum + (states[state] ?? 0), 0);
	const parts = DONE.filter((state) => states[state]).map(
		(state) => `${states[state]} ${LABELS[state].toLowerCase()}`,
	);
	const progress =
		done < total ? `${done} of ${total} done` : `All ${count(total, 'picture')} done`;
	summary.hidden = total === 0;
	counts.textContent = progress + (parts.length ? `: ${parts.join(', ')}` : '');
	bar.value = total ? done / total : 0;
	const buttons = [];
	if (states.failed) {
		const retry = () => queue.retry();
		buttons.push(
			button(`Retry ${states.failed} failed`, retry, { kind: 'primary', icon: 'retry' }),
		);
	}
	if (!queue.isUploading()) buttons.push(button('Clear list', clearList));
	tools.replaceChildren(...buttons);
}

function clearList() {
	queue.clearFinished();
	rows.clear();
	list.replaceChildren();
	showCounts();
}
