// One row for each picture: what it is, what became of it, and what can be done.
// Depends on dom, images, likeness, state, text, upload-queue and words.

import { bdi, button, el } from '../frame/dom.js';
import { startSearch } from '../frame/state.js';
import { showPlaceholder, showThumbnail } from '../gallery/images.js';
import { likenessName } from '../gallery/likeness.js';
import { fileSize, percent } from '../words/text.js';
import { words } from '../words/words.js';
import * as queue from './upload-queue.js';

/** @typedef {{ element: HTMLElement, img: HTMLImageElement, status: HTMLElement, tools: HTMLElement, retry: (some: UploadItem[]) => void }} Row */
/** @type {Map<UploadItem, Row>} */
const rows = new Map();
const text = words.add;
export const rowList = el('ul', { class: 'uploads' });

/** @type {(item: UploadItem, retry: Row['retry']) => void} */
export function addRow(item, retry) {
	const img = el('img', { alt: '', width: 56, height: 56, loading: 'lazy' });
	img.onerror = () => showPlaceholder(img); // this browser cannot show it
	img.src = URL.createObjectURL(item.file);
	const name = el('p', { class: 'name' }, bdi(item.name ?? item.file.name));
	const status = el('p', { class: 'upload-status' });
	const tools = el('div', { class: 'row' });
	const element = el('li', {}, img, el('div', {}, name, status), tools);
	rows.set(item, { element, img, status, tools, retry });
	rowList.prepend(element);
	showItem(item);
}

export function clearRows() {
	rows.clear();
	rowList.replaceChildren();
}

export function showItem(/** @type {UploadItem} */ item) {
	const row = rows.get(item);
	if (!row) return;
	const { element, img, status, tools } = row;
	const { state, uploaded = 0 } = item;
	const uploading = uploaded < 1 ? text.uploading(percent(uploaded)) : text.processing;
	const label = state === 'uploading' ? uploading : text.states[state];
	element.dataset.state = state;
	status.replaceChildren(el('strong', {}, label), ' ', detailOf(item));
	tools.replaceChildren(...buttonsFor(item, row));
	const links = item.image?.links;
	if (links && !img.dataset.stored) {
		img.dataset.stored = '1';
		URL.revokeObjectURL(img.src);
		showThumbnail(img, /** @type {GalleryImage} */ (item.image));
	}
}

function detailOf(/** @type {UploadItem} */ { state, image, near, detail, file }) {
	if (state === 'duplicate' && image) return el('span', {}, text.duplicateOf, bdi(image.name));
	const [similar] = near ?? [];
	if (similar) {
		return el('span', {}, `${likenessName(similar)}: `, bdi(similar.name));
	}
	return el('span', { class: 'muted' }, detail || fileSize(file.size));
}

/** @type {(item: UploadItem, row: Row) => HTMLElement[]} */
function buttonsFor(item, { retry }) {
	const { state, image, name, nameTaken } = item;
	if (state === 'failed') return [button(text.retry, () => retry([item]), { icon: 'retry' })];
	if (state === 'rejected' && nameTaken) return [button(text.replace, () => queue.replace(item))];
	if (!image) return [];
	const { id } = image;
	const similar = button(text.findSimilar, () => startSearch({ id }), { icon: 'similar' });
	const isOther = state === 'duplicate' && name && name !== image.name;
	return [isOther && button(text.addAnyway, () => queue.addAnyway(item)), similar].filter(
		(each) => each !== false && each !== '' && each !== null,
	);
}
