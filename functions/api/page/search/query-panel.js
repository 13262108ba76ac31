// The panel that shows the query: its picture, a selected region, more and less similar examples.
// Depends on api, dialogs, dom, gallery, images, local-pictures, state and text; loads region-box.

import { copyLink, toast } from '../frame/dialogs.js';
import { $, announce, bdi, button, el, icon } from '../frame/dom.js';
import { current, hasQuery, navigate, startSearch } from '../frame/state.js';
import { call } from '../gallery/api.js';
import { can, getImage, rememberImages } from '../gallery/gallery.js';
import { showThumbnail } from '../gallery/images.js';
import { getPicture } from '../gallery/local-pictures.js';
import { describeError } from '../words/text.js';

const CENTRE = { x: 0.2, y: 0.2, width: 0.6, height: 0.6 };
const panel = $('#query');
/** @type {string | number | null} */
let shown = null; // the query in the panel
/** @type {RegionBox | null} */
let box = null;
let regionShown = Promise.resolve();
let frame = el('div', { class: 'frame' });
const name = el('p', { class: 'name' });
const note = el('p', { class: 'muted' });
const tools = el('div', { class: 'tools' });
const examples = el('div', { class: 'examples' });
const info = el('div', { class: 'query-info' }, name, note, tools, examples);
const regionButton = button('', toggleRegion);

export function showQuery(/** @type {State} */ state) {
	const query = state.upload ?? state.id ?? state.url ?? 'examples';
	if (query !== shown) build(state);
	shown = query;
	regionShown = showRegion(state.region);
	showExamples(state);
}

export function clearQuery() {
	shown = null;
	panel.replaceChildren();
}

function build(/** @type {State} */ { upload, id, url }) {
	box?.remove();
	box = null;
	frame = el('div', { class: 'frame' });
	for (const part of [name, note, tools]) part.replaceChildren();
	panel.replaceChildren(frame, info);
	frame.hidden = !(upload || id);
	if (upload) showLocal(upload);
	else if (id) showStored(id);
	else if (url) {
		name.replaceChildren(bdi(url));
		note.textContent = 'Fetched by the gallery from this address.';
	} else name.textContent = 'Several pictures';
}

function addPicture(/** @type {string} */ alt) {
	const img = el('img', { alt });
	img.addEventListener('load', () => {
		frame.style.setProperty('--ratio', String(img.naturalWidth / img.naturalHeight));
	});
	frame.prepend(img);
	return img;
}

async function showLocal(/** @type {number} */ number) {
	const picture = getPicture(number);
	if (!picture) {
		frame.hidden = true;
		name.textContent = 'Picture no longer available';
		return;
	}
	const img = addPicture('The picture you are searching with');
	img.onerror = () => {
		img.remove();
		const text = 'This browser cannot show this format, but the gallery may be able to read it.';
		frame.append(el('p', { class: 'no-preview' }, icon('picture'), text));
		regionButton.remove();
	};
	img.src = picture.preview;
	name.replaceChildren(bdi(picture.name));
	note.textContent = 'Not stored, so there is no link to this search.';
	tools.append(regionButton);
	if (!(await can('write')) || shown !== number) return;
	const add = button('Add to gallery', () => addToGallery(picture, add), { icon: 'plus' });
	tools.append(add);
}

/** @type {(picture: LocalPicture, add: HTMLButtonElement) => Promise<void>} */
async function addToGallery(picture, add) {
	add.disabled = true;
	try {
		const form = new FormData();
		form.append('image', picture.file, 'picture');
		const { image, status } = await call('POST', 'v1/images', { form });
		const done = status === 'duplicate' ? 'Already in the gallery.' : 'Added.';
		toast(`${done} You can share this search now.`);
		rememberImages([image]);
		navigate({ upload: null, id: image.id }, { replace: true });
	} catch (error) {
		const { title, text } = describeError(error);
		toast(`${title}. ${text}`);
		add.disabled = false;
	}
}

async function showStored(/** @type {string} */ id) {
	tools.append(
		regionButton,
		button('Copy link', () => copyLink(), { icon: 'link' }),
	);
	try {
		const image = await getImage(id);
		if (current.id !== id) return;
		showThumbnail(addPicture(`The picture you are searching with: ${image.name}`), image);
		name.replaceChildren(bdi(image.name));
		note.textContent = `${image.width} × ${image.height} pixels`;
	} catch {
		if (current.id === id) frame.hidden = true; // the search shows the error
	}
}

async function toggleRegion() {
	if (current.region) return navigate({ region: null });
	navigate({ region: CENTRE, more: [], less: [] });
	await regionShown;
	box?.focus();
	announce('Area selected. Arrow keys move it, Shift + arrow keys resize it.');
}

async function showRegion(/** @type {Region | null} */ region) {
	regionButton.setAttribute('aria-pressed', String(Boolean(region)));
	const label = region ? 'Use whole picture' : 'Select an area';
	regionButton.replaceChildren(icon('select'), el('span', {}, label));
	panel.classList.toggle('with-region', Boolean(region));
	if (!region) {
		box?.remove();
		box = null;
	} else if (box) {
		box.set(region);
	} else {
		const { regionBox } = await import('./region-box.js');
		if (current.region !== region) return; // it changed while the module was loading
		box ??= regionBox(frame, region, (changed) => navigate({ region: changed }));
	}
}

function showExamples(/** @type {State} */ { more, less }) {
	examples.replaceChildren(
		...exampleGroup('more', 'More like', more),
		...exampleGroup('less', 'Less like', less),
	);
}

/** @type {(side: 'more' | 'less', title: string, ids: string[]) => HTMLElement[]} */
function exampleGroup(side, title, ids) {
	if (!ids.length) return [];
	const chips = ids.map((id) => el('li', {}, exampleChip(side, id)));
	return [el('div', {}, el('h3', {}, title), el('ul', { class: `chips ${side}` }, chips))];
}

function exampleChip(/** @type {'more' | 'less'} */ side, /** @type {string} */ id) {
	const img = el('img', { alt: '', width: 36, height: 36 });
	const text = el('bdi');
	const chip = el(
		'button',
		{
			type: 'button',
			class: 'chip example',
			'aria-label': 'Remove this example',
			onclick: () => removeExample(side, id),
		},
		img,
		text,
		icon('close'),
	);
	getImage(id).then(
		(image) => {
			text.textContent = image.name;
			chip.setAttribute('aria-label', `Remove ${image.name} from the examples`);
			showThumbnail(img, image);
		},
		() => {
			text.textContent = 'not available';
		},
	);
	return chip;
}

function removeExample(/** @type {'more' | 'less'} */ side, /** @type {string} */ id) {
	const rest = current[side].filter((each) => each !== id);
	if (!hasQuery({ ...current, [side]: rest })) startSearch();
	else navigate({ [side]: rest });
}
