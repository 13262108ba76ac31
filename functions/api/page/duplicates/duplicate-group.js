// One group of duplicates: what differs between its pictures, and which of them to keep.
// Loaded when used. Depends on dom, images, likeness and text; loads compare.

import { announce, bdi, button, el } from '../frame/dom.js';
import { thumbnail } from '../gallery/images.js';
import { isCopy, likenessName } from '../gallery/likeness.js';
import { count, describeFlaws, fileSize } from '../words/text.js';
import { words } from '../words/words.js';

/**
 * @typedef {object} GroupCard
 * @property {HTMLElement} element
 * @property {DuplicateGroup} group
 * @property {() => GroupedImage[]} marked - the pictures shown as Delete
 */

/**
 * @param {DuplicateGroup} group
 * @param {Child} title
 * @param {{ onConfirm: () => void, onMark: () => void } | null} choice - null: only to look at
 * @param {Child[]} tools
 * @returns {GroupCard}
 */
export function groupCard(group, title, choice, tools = []) {
	const { images, keeper } = group;
	const stay = images.filter(({ removable }) => !removable);
	const proposes = isCopy({ matched: group.kind });
	// A raw file and the picture made from it both stay; of copies, another can be kept instead.
	const isFixed = (/** @type {GroupedImage} */ image) =>
		proposes && stay.length > 1 && !image.removable;
	/** @type {Map<string, HTMLInputElement>} */
	const boxes = new Map(); // id -> Keep
	const marked = () => images.filter(({ id }) => boxes.get(id)?.checked === false);
	const confirm = el('button', { type: 'submit', class: 'danger' });
	const showMarks = () => {
		const number = marked().length;
		const keepsOne = number < images.length;
		confirm.textContent = keepsOne
			? words.duplicates.deletePictures(count(number, 'picture'))
			: words.duplicates.keepOne;
		confirm.disabled = !keepsOne || !number;
		confirm.hidden = !number;
		if (!keepsOne) announce(words.duplicates.keepOnePicture);
		choice?.onMark();
	};
	const members = images.map((image) => {
		if (!choice || isFixed(image))
			return member(image, group, null, choice && words.duplicates.keep);
		const box = el('input', {
			type: 'checkbox',
			'aria-label': words.duplicates.keepPicture(image.name),
			onchange: showMarks,
		});
		box.checked = !(proposes && image.removable);
		boxes.set(image.id, box);
		return member(image, group, box, null);
	});
	const form = el(
		'form',
		{
			onsubmit: (event) => {
				event.preventDefault();
				choice?.onConfirm();
			},
		},
		el(
			'header',
			{},
			el('h2', {}, title),
			el('div', { class: 'row' }, choice && boxes.size > 0 && confirm, ...tools),
		),
		el('ul', { class: 'members' }, members),
	);
	const label = typeof title === 'string' ? title : count(images.length, 'picture');
	const element = el(
		'article',
		{ class: 'group', 'aria-label': label, 'data-keeper': keeper },
		form,
	);
	if (boxes.size) showMarks();
	return { element, group, marked };
}

/**
 * @param {GroupedImage} image
 * @param {DuplicateGroup} group
 * @param {HTMLInputElement | null} box - Keep; null where that cannot be changed
 * @param {string | null} mark - the word on a picture without a box
 */
function member(image, group, box, mark) {
	const { name, width, height, format, bytes, flaws } = image;
	const compare = () => compareInGroup(image, group);
	const picture = box
		? [
				el('div', { class: 'picture' }, thumbnail(image, ''), box),
				button('', compare, {
					kind: 'round',
					icon: 'compare',
					label: words.duplicates.comparePicture(name),
				}),
			]
		: el(
				'button',
				{ type: 'button', class: 'picture', onclick: compare },
				thumbnail(image),
				el('span', { class: 'visually-hidden' }, words.duplicates.compareAlso),
			);
	const word = el('span', { class: 'mark', 'aria-hidden': 'true' }, mark);
	const item = el(
		'li',
		{ class: mark ? 'kept' : '' },
		el('div', { class: 'stage' }, picture, (box || mark) && word),
		el('p', { class: 'name', title: name }, bdi(name)),
		el('p', { class: 'muted' }, `${width} × ${height}, ${format}, ${fileSize(bytes)}`),
		relation(image, group).map((text) => el('p', { class: 'muted' }, text)),
		flaws.length > 0 && el('p', { class: 'muted' }, describeFlaws(flaws)),
	);
	const showMark = () => {
		item.classList.toggle('kept', box?.checked);
		item.classList.toggle('marked', !box?.checked);
		word.textContent = box?.checked ? words.duplicates.keep : words.duplicates.delete;
	};
	if (box) {
		box.addEventListener('change', showMark);
		showMark();
	}
	return item;
}

/** @type {(image: GroupedImage, group: DuplicateGroup) => string[]} */
function relation(image, { images, keeper, kind }) {
	if (image.id === keeper) {
		return [isCopy({ matched: kind }) ? words.duplicates.suggested : words.duplicates.comparedWith];
	}
	const others = differences(image, images.find(({ id }) => id === keeper) ?? image);
	return [likenessName(image), others].filter(Boolean);
}

// What differs between a picture and the keeper, as far as it is known without looking.
function differences(/** @type {GroupedImage} */ image, /** @type {GroupedImage} */ keeper) {
	const text = words.duplicates;
	const pixels = image.width * image.height - keeper.width * keeper.height;
	const bytes = image.bytes - keeper.bytes;
	const later = Date.parse(image.added_at) - Date.parse(keeper.added_at);
	const sameMetadata = sorted(image.metadata) === sorted(keeper.metadata);
	const found = [
		pixels && (pixels > 0 ? text.larger : text.smaller),
		image.format !== keeper.format && text.insteadOf(image.format, keeper.format),
		bytes && (bytes > 0 ? text.moreBytes : text.fewerBytes),
		later && (later > 0 ? text.later : text.earlier),
		!sameMetadata && text.otherMetadata,
	].filter(Boolean);
	const list = found.join(', ');
	return list && `${list[0].toUpperCase()}${list.slice(1)}`;
}

const sorted = (/** @type {Metadata} */ metadata) =>
	JSON.stringify(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));

/** @type {(image: GroupedImage, group: DuplicateGroup) => Promise<void>} */
async function compareInGroup(image, { images, keeper }) {
	const isKeeper = image.id === keeper;
	const other = images.find(({ id }) => (isKeeper ? id !== keeper : id === keeper));
	(await import('../pictures/compare.js')).compare(image, other);
}

// Keys on a picture: arrows move to another picture or group, K and D mark it. Enter confirms the
// group, because a form does that. Returns whether the key was used.
export function onGroupKey(/** @type {string} */ key, /** @type {Element} */ target) {
	const item = target.closest('.members li');
	const group = item?.closest('.group');
	if (!item || !group) return false;
	const box = item.querySelector('input');
	if ((key === 'k' || key === 'd') && box) {
		if (box.checked !== (key === 'k')) box.click();
		box.focus();
		return true;
	}
	const [before, after] =
		getComputedStyle(item).direction === 'rtl'
			? ['ArrowRight', 'ArrowLeft']
			: ['ArrowLeft', 'ArrowRight'];
	const root = /** @type {Element} */ (group.parentElement);
	const [all, here, step] =
		key === before || key === after
			? [[...root.querySelectorAll('.members li')], item, key === after ? 1 : -1]
			: key === 'ArrowDown' || key === 'ArrowUp'
				? [[...root.children], group, key === 'ArrowDown' ? 1 : -1]
				: [[], item, 0];
	const next = all[all.indexOf(here) + step];
	if (step) focusPicture(next);
	return step !== 0;
}

// Move the focus to the first picture in there.
export function focusPicture(/** @type {Element | null | undefined} */ within) {
	/** @type {HTMLElement | null | undefined} */
	const picture = within?.querySelector('.stage input, .stage button');
	picture?.focus();
	return Boolean(picture);
}
