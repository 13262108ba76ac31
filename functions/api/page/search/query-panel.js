// The toolbar: the query picture, what can be done with it, a new picture, the filters; below it
// the panel of filters, the picture with a box on it, and examples.
// Depends on the frame, gallery, filters and words; loads region-box.

import { copyLink, toast } from '../frame/dialogs.js';
import { $, announce, bdi, button, el, icon } from '../frame/dom.js';
import { current, hasQuery, navigate, startSearch } from '../frame/state.js';
import { addFile } from '../gallery/additions.js';
import { canAdd, getImage, rememberImages } from '../gallery/gallery.js';
import { showThumbnail } from '../gallery/images.js';
import { findPicture } from '../gallery/local-pictures.js';
import { describeError, number } from '../words/text.js';
import { words } from '../words/words.js';
import { filterButton, filterPanel } from './filters.js';

const text = words.search;
const titleOf = (/** @type {string} */ name) => `${name} · ${words.frame.titles.search}`;
const CENTRE = { x: 0.2, y: 0.2, width: 0.6, height: 0.6 };
const panel = $('#query');
/** @type {string | number | null} */
let shown = null; // the query in the panel
let title = ''; // its name
/** @type {RegionBox | null} */
let box = null;
let regionShown = Promise.resolve();
const thumbPicture = el('div', { class: 'thumb-picture' });
// On a phone the picture in the bar is the button for the box.
const thumbButton = button('', toggleRegion, { kind: 'thumb-button', icon: 'select' });
const thumb = el('div', { class: 'thumb' }, thumbPicture, thumbButton);
const frame = el('div', { class: 'frame' });
const framePlace = el('div', { class: 'frame-place', hidden: true }, frame);
const name = el('p', { class: 'name' });
const note = el('p', { class: 'note' });
const tools = el('div', { class: 'tools', id: 'query-tools', popover: 'auto' });
const examples = el('div', { class: 'examples' });
const regionButton = button('', toggleRegion);
const newPicture = [
	button(text.newPicture, () => $('#file').click(), {
		kind: 'quiet new-picture',
		icon: 'picture',
		label: text.newPicture,
	}),
	button('', () => $('#shot').click(), {
		kind: 'quiet new-photo',
		icon: 'camera',
		label: text.start.camera,
	}),
];
const moreTools = button('', () => tools.togglePopover(), {
	kind: 'bare more-tools',
	icon: 'dots',
	label: text.moreTools,
});
tools.addEventListener('click', () => tools.matches(':popover-open') && tools.hidePopover());
panel.setAttribute('aria-label', text.queryLabel);
panel.append(
	el(
		'div',
		{ class: 'bar' },
		thumb,
		el('div', { class: 'query-info' }, name, note),
		tools,
		moreTools,
		newPicture,
		filterButton,
	),
	filterPanel,
	framePlace,
	examples,
);

export function showQuery(/** @type {State} */ state) {
	const query = state.upload ?? state.id ?? state.url ?? 'examples';
	if (query !== shown) build(state);
	shown = query;
	if (title) document.title = titleOf(title);
	regionShown = showRegion(state.region);
	showExamples(state);
}

export function clearQuery() {
	shown = null;
	removeBox();
}

function build(/** @type {State} */ { upload, id, url }) {
	removeBox();
	for (const part of [thumbPicture, frame, name, note, tools]) part.replaceChildren();
	thumb.hidden = !(upload || id);
	thumbButton.hidden = false;
	title = '';
	if (upload) showLocal(upload);
	else if (id) showStored(id);
	else if (url) {
		setName(url);
		note.textContent = text.fetched;
	} else name.textContent = text.severalPictures;
	moreTools.hidden = !(upload || id);
}

function setName(/** @type {string} */ known) {
	title = known;
	document.title = titleOf(known);
	name.replaceChildren(bdi(known));
	name.title = known;
}

// The picture in the toolbar and, larger, below a box. The alternative text is in the toolbar.
function addPictures(/** @type {string} */ alt) {
	const large = el('img', { alt: '' });
	large.addEventListener('load', () => {
		frame.style.setProperty('--ratio', String(large.naturalWidth / large.naturalHeight));
	});
	const small = el('img', { alt });
	thumbPicture.replaceChildren(small);
	frame.prepend(large);
	return { small, large };
}

async function showLocal(/** @type {number} */ key) {
	const picture = await findPicture(key);
	if (shown !== key) return;
	if (!picture) {
		thumb.hidden = moreTools.hidden = true;
		name.textContent = text.gone;
		return;
	}
	const { small, large } = addPictures(text.queryPicture);
	small.onerror = () => {
		thumbPicture.replaceChildren(icon('picture'));
		note.textContent = text.noPreview;
		regionButton.remove();
		thumbButton.hidden = true;
	};
	small.src = large.src = picture.preview;
	setName(picture.name);
	note.textContent = text.notStored;
	tools.append(regionButton);
	if (!(await canAdd()) || shown !== key) return;
	const add = button(text.addToGallery, () => addToGallery(picture, add), { icon: 'plus' });
	tools.append(add);
}

/** @type {(picture: LocalPicture, add: HTMLButtonElement) => Promise<void>} */
async function addToGallery(picture, add) {
	add.disabled = true;
	try {
		const { image, status } = await addFile(picture.file);
		toast(status === 'duplicate' ? text.alreadyThere : text.added);
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
		button(text.copyLink, () => copyLink(), { icon: 'link' }),
	);
	try {
		const image = await getImage(id);
		if (current.id !== id) return;
		const { small, large } = addPictures(text.queryPictureNamed(image.name));
		showThumbnail(small, image);
		showThumbnail(large, image);
		setName(image.name);
		note.textContent = text.pixels(number(image.width), number(image.height));
	} catch {
		if (current.id === id) thumb.hidden = true; // the search shows the error
	}
}

async function toggleRegion() {
	if (current.region) return navigate({ region: null });
	navigate({ region: CENTRE, more: [], less: [] });
	await regionShown;
	box?.focus();
	announce(text.areaSelected);
}

function removeBox() {
	box?.remove();
	box = null;
	showFrame(false);
}

// A class, because with :has() every hidden result would be looked at.
function showFrame(/** @type {boolean} */ shown) {
	framePlace.hidden = !shown;
	panel.parentElement?.classList.toggle('with-box', shown);
}

async function showRegion(/** @type {Region | null} */ region) {
	const label = region ? text.wholePicture : text.selectArea;
	regionButton.replaceChildren(icon('select'), el('span', {}, label));
	thumbButton.setAttribute('aria-label', label);
	for (const each of [regionButton, thumbButton]) {
		each.setAttribute('aria-pressed', String(Boolean(region)));
	}
	if (!region) return removeBox();
	showFrame(true);
	if (box) return box.set(region);
	const { regionBox } = await import('./region-box.js');
	if (current.region !== region) return; // it changed while the module was loading
	box ??= regionBox(frame, region, (changed) => navigate({ region: changed }));
}

function showExamples(/** @type {State} */ { more, less }) {
	examples.hidden = !more.length && !less.length;
	examples.replaceChildren(...exampleGroup('more', more), ...exampleGroup('less', less));
}

/** @type {(side: 'more' | 'less', ids: string[]) => HTMLElement[]} */
function exampleGroup(side, ids) {
	if (!ids.length) return [];
	const chips = ids.map((id) => el('li', {}, exampleChip(side, id)));
	const heading = el('h3', {}, text.examples[side]);
	return [el('div', {}, heading, el('ul', { class: `chips ${side}` }, chips))];
}

function exampleChip(/** @type {'more' | 'less'} */ side, /** @type {string} */ id) {
	const img = el('img', { alt: '', width: 36, height: 36 });
	const label = el('bdi');
	const chip = el(
		'button',
		{
			type: 'button',
			class: 'chip example',
			'aria-label': text.removeExample,
			onclick: () => removeExample(side, id),
		},
		img,
		label,
		icon('close'),
	);
	getImage(id).then(
		(image) => {
			label.textContent = image.name;
			chip.setAttribute('aria-label', text.removeNamed(image.name));
			showThumbnail(img, image);
		},
		() => {
			label.textContent = text.notAvailable;
		},
	);
	return chip;
}

function removeExample(/** @type {'more' | 'less'} */ side, /** @type {string} */ id) {
	const rest = current[side].filter((each) => each !== id);
	if (!hasQuery({ ...current, [side]: rest })) startSearch();
	else navigate({ [side]: rest });
}
