// The view of duplicates: groups with a suggestion which picture to keep. Loaded when used.
// Depends on api, delete, dialogs, dom, gallery, ignored-groups, images, search, state and text;
// loads compare.

import { get, isAbort, post, retryWhileStarting } from './api.js';
import { confirmDeletion } from './delete.js';
import { toast } from './dialogs.js';
import { $, announce, bdi, button, el, icon, messageCard } from './dom.js';
import { can } from './gallery.js';
import { isIgnored, setIgnored } from './ignored-groups.js';
import { thumbnail } from './images.js';
import { clearResults } from './search.js';
import { navigate } from './state.js';
import { count, describeError, fileSize, percent, STARTING } from './text.js';

/** @type {Record<string, { label: string, text: string }>} */
const KINDS = {
	'same-bytes': { label: 'Identical files', text: 'The same file, stored more than once.' },
	'same-picture': {
		label: 'Same picture',
		text: 'The same picture in different files: resized, re-saved or in another format.',
	},
	lookalike: {
		label: 'Very similar',
		text: 'Pictures that are hard to tell apart, such as two shots of one scene.',
	},
};
const PAGE_SIZE = 20;
const MIN_NEW_GROUPS = 10; // pages are loaded until there are as many
const view = $('#duplicates');
/** @type {AbortController | null} */
let running = null;
let kind = 'same-picture';
let checked = 0; // pictures
/** @type {DuplicateGroup[]} */
let ignored = [];
/** @type {DuplicateGroup[]} */
let shots = []; // groups in which nothing can go: raw files and the pictures made from them
let together = el('details', { class: 'shots', hidden: true });
let groups = el('div', { class: 'groups' });
let footer = el('div', { class: 'row foot' });
let notice = el('p', { class: 'notice', hidden: true });

export const leave = () => running?.abort();

export async function enter(/** @type {State} */ state) {
	kind = state.kind in KINDS ? state.kind : 'same-picture';
	ignored = [];
	shots = [];
	together = el('details', { class: 'shots', hidden: true, ontoggle: showShots });
	checked = 0;
	groups = el('div', { class: 'groups' });
	footer = el('div', { class: 'row foot' });
	notice = el('p', { class: 'notice', hidden: true });
	const kinds = Object.entries(KINDS).map(([each, { label }]) =>
		el(
			'button',
			{
				type: 'button',
				class: 'chip',
				'aria-pressed': String(each === kind),
				onclick: () => navigate({ kind: each }),
			},
			label,
		),
	);
	view.replaceChildren(
		el(
			'div',
			{ class: 'page' },
			el('h1', {}, 'Duplicates'),
			el(
				'div',
				{ class: 'kinds', role: 'group', 'aria-label': 'What counts as a duplicate' },
				kinds,
			),
			el('p', { class: 'muted' }, `${KINDS[kind].text} Nothing is deleted until you confirm it.`),
			notice,
			groups,
			together,
			footer,
		),
	);
	await load(null);
}

async function load(/** @type {string | null} */ cursor) {
	running?.abort();
	running = new AbortController();
	const { signal } = running;
	const status = el('p', { class: 'muted', role: 'status' }, 'Checking the gallery…');
	const bar = el('progress', { 'aria-label': 'Pictures checked' });
	footer.replaceChildren(status, bar);
	const onWait = () => {
		status.textContent = STARTING;
	};
	try {
		const canDelete = await can('write');
		const { images: total } = await get('/v1/stats', { signal });
		const before = groups.children.length;
		let next = cursor;
		do {
			// A page may have few groups or none and yet not be the last.
			const query = new URLSearchParams({ kind, limit: String(PAGE_SIZE) });
			if (next) query.set('cursor', next);
			const request = () => get(`/v1/duplicates?${query}`, { signal });
			const page = await retryWhileStarting(request, { signal, onWait });
			for (const group of page.groups) {
				if (isIgnored(group)) ignored.push(group);
				else if (isShot(group)) shots.push(group);
				else groups.append(groupCard(group, canDelete));
			}
			next = page.next;
			checked += page.looked_at;
			status.textContent = `Checked ${checked.toLocaleString('en')} of ${count(total, 'picture')}…`;
			bar.value = Math.min(1, checked / total);
			showIgnored(canDelete);
			showShots();
		} while (next && groups.children.length < before + MIN_NEW_GROUPS);
		const more = button('Show more', () => load(next), { kind: 'secondary' });
		footer.replaceChildren(...(next ? [more] : []));
		showIfEmpty();
		announce(count(groups.querySelectorAll('.group').length, 'group'));
	} catch (error) {
		if (isAbort(error)) return;
		const retry = button('Try again', () => load(cursor), { kind: 'primary', icon: 'retry' });
		footer.replaceChildren(messageCard(describeError(error), [retry]));
	}
}

function showIfEmpty() {
	if (groups.children.length) return;
	const text = ignored.length
		? 'Apart from those marked as not duplicates.'
		: shots.length
			? 'Only raw files and the pictures made from them.'
			: 'There are none in this gallery.';
	groups.append(messageCard({ title: 'No duplicates of this kind', text }, []));
}

function showIgnored(/** @type {boolean} */ canDelete) {
	const hidden = `Hidden: ${count(ignored.length, 'group')} marked as not duplicates.`;
	const showAgain = () => {
		for (const group of ignored) setIgnored(group, false);
		groups.querySelector('.state')?.remove();
		groups.prepend(...ignored.splice(0).map((group) => groupCard(group, canDelete)));
		showIgnored(canDelete);
	};
	notice.hidden = !ignored.length;
	notice.replaceChildren(
		el('span', {}, `${hidden} The marks are kept in this browser only.`),
		button('Show again', showAgain),
	);
}

const isShot = (/** @type {DuplicateGroup} */ { images }) =>
	!images.some(({ removable }) => removable);

const oneShot = () => (kind === 'lookalike' ? 'similar shots' : 'one shot');

// The cards are made when they are wanted: a photographer has thousands.
function showShots() {
	together.hidden = !shots.length;
	const number = count(shots.length, 'group');
	const summary = `Raw and JPEG of ${oneShot()}: ${number}, nothing to delete`;
	const cards = together.open ? shots.map(shotCard) : [];
	together.replaceChildren(el('summary', {}, summary), el('div', { class: 'groups' }, cards));
}

function shotCard(/** @type {DuplicateGroup} */ group) {
	const [keeper, ...others] = group.images;
	const formats = new Set(others.map(({ format }) => format));
	const named = formats.has('JPEG') ? ['Raw', 'JPEG'] : [...new Set([keeper.format, ...formats])];
	const title = `${named.join(' and ')} of ${oneShot()}`;
	const kept = new Set(group.images.map(({ id }) => id));
	return el(
		'article',
		{ class: 'group', 'aria-label': title },
		el('header', {}, el('h2', {}, title)),
		el(
			'ul',
			{ class: 'members' },
			group.images.map((image) => memberItem(image, group, kept, null)),
		),
	);
}

function groupCard(/** @type {DuplicateGroup} */ group, /** @type {boolean} */ canDelete) {
	const size = group.images.length;
	const stay = group.images.filter(({ removable }) => !removable).map(({ id }) => id);
	const keep = new Set(stay);
	const removal = button(' ', () => removeOthers(group, keep, card), {
		kind: 'danger',
		icon: 'trash',
	});
	const showRemoval = () => {
		const others = size - keep.size;
		const which = others === 1 ? 'other' : `other ${others}`;
		const text = !keep.size ? 'Keep at least one' : others ? `Delete the ${which}…` : 'Keeping all';
		removal.lastChild?.replaceWith(el('span', {}, text));
		removal.disabled = !others || !keep.size;
	};
	// A raw file and the picture made from it both stay; of copies, another can be kept instead.
	const members = group.images.map((image) => {
		const isFixed = !image.removable && stay.length > 1;
		return memberItem(image, group, keep, canDelete && !isFixed ? showRemoval : null);
	});
	const ignore = () => ignoreGroup(group, card, canDelete);
	/** @type {HTMLElement} */
	const card = el(
		'article',
		{ class: 'group', 'aria-label': count(size, 'picture') },
		el(
			'header',
			{},
			el('h2', {}, count(size, 'picture')),
			el(
				'div',
				{ class: 'row' },
				canDelete && removal,
				button('Not duplicates', ignore, { icon: 'close' }),
			),
		),
		el('ul', { class: 'members' }, members),
	);
	showRemoval();
	return card;
}

/**
 * @param {GroupedImage} image
 * @param {DuplicateGroup} group
 * @param {Set<string>} keep - ids of the pictures to keep
 * @param {(() => void) | null} onKeep - called after a change; null where nothing can be deleted
 */
function memberItem(image, group, keep, onKeep) {
	const { id, name, width, height, format, bytes } = image;
	const toggle = el('button', {
		type: 'button',
		class: 'chip',
		onclick: () => {
			if (!keep.delete(id)) keep.add(id);
			update();
		},
	});
	const item = el(
		'li',
		{},
		el(
			'button',
			{ type: 'button', class: 'picture', onclick: () => compareInGroup(image, group) },
			thumbnail(image),
			el('span', { class: 'visually-hidden' }, ', compare'),
		),
		el('p', { class: 'name', title: name }, bdi(name)),
		el('p', { class: 'muted' }, `${width} × ${height}, ${format}, ${fileSize(bytes)}`),
		el('p', { class: 'muted' }, memberText(image, group)),
		onKeep && toggle,
	);
	function update() {
		const kept = keep.has(id);
		item.classList.toggle('kept', kept);
		toggle.setAttribute('aria-pressed', String(kept));
		const label = el('span', {}, 'Keep', el('span', { class: 'visually-hidden' }, ` ${name}`));
		toggle.replaceChildren(...(kept ? [icon('check'), label] : [label]));
		onKeep?.();
	}
	update();
	return item;
}

/** @type {(image: GroupedImage, group: DuplicateGroup) => string} */
function memberText(image, group) {
	if (isShot(group)) return matchText(image);
	if (image.id === group.keeper) return 'Suggested to keep';
	return image.removable ? matchText(image) : 'Stays with the raw file';
}

function matchText(/** @type {GroupedImage} */ { matched, distance, similarity }) {
	if (matched === 'same-bytes') return 'Identical file';
	if (matched === 'lookalike') return `Very similar, ${percent(similarity ?? 0)}`;
	if (matched !== 'same-picture') return '';
	return distance == null ? 'Same picture' : `Same picture, ${distance} of 64 bits differ`;
}

/** @type {(image: GroupedImage, group: DuplicateGroup) => Promise<void>} */
async function compareInGroup(image, { images, keeper }) {
	const isKeeper = image.id === keeper;
	const other = images.find(({ id }) => (isKeeper ? id !== keeper : id === keeper));
	(await import('./compare.js')).compare(image, other);
}

/** @type {(group: DuplicateGroup, card: HTMLElement, canDelete: boolean) => void} */
function ignoreGroup(group, card, canDelete) {
	setIgnored(group, true);
	ignored.push(group);
	const next = removeCard(card);
	showIgnored(canDelete);
	(next ?? notice).querySelector('button')?.focus();
}

// Returns the card to move the focus to.
function removeCard(/** @type {HTMLElement} */ card) {
	const next = card.nextElementSibling ?? card.previousElementSibling;
	card.remove();
	showIfEmpty();
	return next;
}

/** @type {(group: DuplicateGroup, keep: Set<string>, card: HTMLElement) => Promise<void>} */
async function removeOthers(group, keep, card) {
	const others = group.images.filter(({ id }) => !keep.has(id));
	const pictures = count(others.length, 'picture');
	const list = el(
		'ul',
		{ class: 'deletion' },
		others.map((image) => el('li', {}, thumbnail(image, '', 64), bdi(image.name))),
	);
	const warning =
		'These pictures and their originals will be deleted permanently. The others stay.';
	if (!(await confirmDeletion(`Delete ${pictures}?`, [el('p', {}, warning), list]))) return;
	try {
		const ids = others.map(({ id }) => id);
		for (let remaining = 1; remaining; ) {
			({ remaining } = await post('/v1/images/delete', { ids }));
		}
	} catch (error) {
		const { title, text } = describeError(error);
		return toast(`${title}. ${text}`);
	}
	clearResults();
	const next = removeCard(card);
	toast(`${pictures} deleted.`);
	next?.querySelector('button')?.focus();
}
