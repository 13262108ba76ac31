// The view of duplicates: the groups of one notion, with a suggestion which copies to delete.
// Loaded when used. Depends on api, delete, deletions, dialogs, dom, duplicate-group, gallery,
// ignored-groups, images, likeness, state and text.

import { $, announce, bdi, button, el, messageCard } from '../frame/dom.js';
import { navigate } from '../frame/state.js';
import { get, isAbort, retryWhileStarting } from '../gallery/api.js';
import { deleteSoon, sendDeletions, UNDO_S, undoDeletion } from '../gallery/deletions.js';
import { can } from '../gallery/gallery.js';
import { thumbnail } from '../gallery/images.js';
import { likenessSentence, SEES_LAYOUT } from '../gallery/likeness.js';
import { confirmDeletion } from '../pictures/delete.js';
import { count, describeError, number } from '../words/text.js';
import { words } from '../words/words.js';
import { focusPicture, groupCard, onGroupKey } from './duplicate-group.js';
import { isIgnored, setIgnored } from './ignored-groups.js';

/** @typedef {import('./duplicate-group.js').GroupCard} GroupCard */

const ONLY_TO_LOOK = 'Only to look at: nothing can be deleted here.';
/** @type {Record<string, { label: string, text: string, only?: 'look' }>} */
const KINDS = {
	'same-bytes': { label: 'Exact copies', text: 'Each is stored more than once.' },
	'same-picture': { label: 'Same picture', text: '' },
	edited: {
		label: 'Variants',
		text: 'Such as one product in several colours. Nothing is proposed; mark what you do not want.',
	},
	turned: { label: 'Mirrored or turned', text: ONLY_TO_LOOK, only: 'look' },
	lookalike: {
		label: 'Lookalikes',
		text: `${SEES_LAYOUT} Pages of text and screenshots can be here without being copies. ${ONLY_TO_LOOK}`,
		only: 'look',
	},
};
const UNDO = `A deletion can be undone for ${UNDO_S} seconds.`;
const PAGE_SIZE = 20;
const MIN_NEW_GROUPS = 10; // pages are loaded until there are as many
const MOST_COUNTED = 2_000; // pictures of a gallery in which all kinds are counted at once
const MOST_PAGES_COUNTED = 20;
const view = $('#duplicates');
/** @type {AbortController | null} */
let running = null;
let kind = 'same-bytes';
let canDelete = false;
let checked = 0; // pictures
let total = 0;
/** @type {string | null} */
let next = null;
/** @type {DuplicateGroup[]} */
let ignored = [];
/** @type {DuplicateGroup[]} */
let shots = []; // groups in which nothing can go: raw files and the pictures made from them
/** @type {Map<Element, GroupCard>} */
let cards = new Map();
/** @type {Map<string, string>} */
const counts = new Map(); // kind -> number of groups, as far as it is known
let heading = el('h1', { tabindex: '-1' }, 'Duplicates');
let together = el('details', { class: 'shots', hidden: true });
let groups = el('div', { class: 'groups' });
let footer = el('div', { class: 'row foot' });
let notice = el('p', { class: 'notice', hidden: true });
let acceptance = el('div', { class: 'row', hidden: true });

export function leave() {
	running?.abort();
	sendDeletions();
}

export async function enter(/** @type {State} */ state) {
	kind = state.kind in KINDS ? state.kind : 'same-bytes';
	ignored = [];
	shots = [];
	checked = 0;
	cards = new Map();
	heading = el('h1', { tabindex: '-1' }, 'Duplicates');
	together = el('details', { class: 'shots', hidden: true, ontoggle: showShots });
	groups = el('div', { class: 'groups' });
	footer = el('div', { class: 'row foot' });
	notice = el('p', { class: 'notice', hidden: true });
	acceptance = el('div', { class: 'row', hidden: true });
	const { text, only } = KINDS[kind];
	const sentence = likenessSentence({ matched: /** @type {Likeness} */ (kind) });
	const kinds = Object.keys(KINDS).map((each) =>
		el('button', {
			type: 'button',
			class: 'chip',
			'data-kind': each,
			'aria-pressed': String(each === kind),
			onclick: () => navigate({ kind: each }),
		}),
	);
	view.replaceChildren(
		el(
			'div',
			{ class: 'page' },
			heading,
			el(
				'div',
				{ class: 'kinds', role: 'group', 'aria-label': 'What counts as a duplicate' },
				kinds,
			),
			el('p', { class: 'muted' }, `${sentence}. ${text} ${only ? '' : UNDO}`),
			only ? null : keysHelp(),
			notice,
			acceptance,
			groups,
			together,
			footer,
		),
	);
	showCounts();
	await load(null);
}

const keysHelp = () =>
	el(
		'p',
		{ class: 'muted keys' },
		'Keys on a picture: ',
		key('←'),
		key('→'),
		' next picture, ',
		key('↑'),
		key('↓'),
		' next group, ',
		key('K'),
		' keep, ',
		key('D'),
		' delete, ',
		key('Enter'),
		' confirm the group, ',
		key('U'),
		' undo',
	);

const key = (/** @type {string} */ name) => el('kbd', {}, name);

view.addEventListener('keydown', (event) => {
	const { altKey, ctrlKey, metaKey, defaultPrevented } = event;
	if (altKey || ctrlKey || metaKey || defaultPrevented) return;
	const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
	const target = /** @type {Element} */ (event.target);
	// Enter moves on to the next group: held down it would confirm one after the other.
	if (pressed === 'Enter' && event.repeat) event.preventDefault();
	else if (pressed === 'u' ? undoDeletion() : onGroupKey(pressed, target)) event.preventDefault();
});

async function load(/** @type {string | null} */ cursor) {
	running?.abort();
	running = new AbortController();
	const { signal } = running;
	next = cursor;
	const status = el('p', { class: 'muted', role: 'status' }, 'Checking the gallery…');
	const bar = el('progress', { 'aria-label': 'Pictures checked' });
	footer.replaceChildren(status, bar);
	const onWait = () => {
		status.textContent = words.gallery.starting;
	};
	try {
		if (cursor === null) await sendDeletions();
		canDelete = await can('write');
		({ images: total } = await get('v1/stats', { signal }));
		const before = cards.size;
		do {
			// A page may have few groups or none and yet not be the last.
			const request = () => get(pageAt(kind, next), { signal });
			const page = await retryWhileStarting(request, { signal, onWait });
			for (const group of page.groups) {
				if (isElsewhere(group)) continue;
				if (isIgnored(group)) ignored.push(group);
				else if (isShot(group)) shots.push(group);
				else groups.append(makeCard(group));
			}
			next = page.next;
			checked += page.looked_at;
			status.textContent = `Checked ${number(checked)} of ${count(total, 'picture')}…`;
			bar.value = Math.min(1, checked / total);
			showIgnored();
			showShots();
			showAcceptance();
		} while (next && cards.size < before + MIN_NEW_GROUPS);
		const more = button('Show more', () => load(next), { kind: 'secondary' });
		footer.replaceChildren(...(next ? [more] : []));
		showGroupCount();
		announce(count(shownCards().length, 'group'));
		countOthers(signal);
	} catch (error) {
		if (isAbort(error)) return;
		const retry = button('Try again', () => load(next), { kind: 'primary', icon: 'retry' });
		footer.replaceChildren(messageCard(describeError(error), [retry]));
	}
}

/** @type {(kind: string, cursor: string | null) => string} */
function pageAt(kind, cursor) {
	const query = new URLSearchParams({ kind, limit: String(PAGE_SIZE) });
	if (cursor) query.set('cursor', cursor);
	return `v1/duplicates?${query}`;
}

// The groups of the same picture include those of exact copies, which have a tab of their own.
const isElsewhere = (/** @type {DuplicateGroup} */ { kind, images }) =>
	kind === 'same-picture' &&
	images.every(({ matched }) => matched === null || matched === 'same-bytes');

const isShot = (/** @type {DuplicateGroup} */ { kind, images }) =>
	!KINDS[kind].only && kind !== 'edited' && !images.some(({ removable }) => removable);

const isShown = (/** @type {DuplicateGroup} */ group) =>
	!(isElsewhere(group) || isIgnored(group) || isShot(group));

async function countOthers(/** @type {AbortSignal} */ signal) {
	if (total > MOST_COUNTED) return;
	try {
		for (const each of Object.keys(KINDS)) {
			if (counts.has(each)) continue;
			const count = await countOf(each, signal);
			if (count !== null) counts.set(each, count);
			showCounts();
		}
	} catch {
		// The view was left, or the numbers stay unknown.
	}
}

// Read pages until one has groups; null if the first few have none, but are not all.
async function countOf(/** @type {string} */ kind, /** @type {AbortSignal} */ signal) {
	let from = null;
	for (let pages = 0; pages < MOST_PAGES_COUNTED; pages += 1) {
		const page = await get(pageAt(kind, from), { signal, quiet: true });
		const shown = page.groups.filter(isShown).length;
		from = page.next;
		if (shown || from === null) return `${shown}${from === null ? '' : '+'}`;
	}
	return null;
}

function showCounts() {
	for (const chip of view.querySelectorAll('.kinds .chip')) {
		const { kind = '' } = /** @type {HTMLElement} */ (chip).dataset;
		const number = counts.get(kind);
		const text = number && [' ', el('span', { class: 'number' }, number)];
		const hint = number && el('span', { class: 'visually-hidden' }, ' groups');
		chip.replaceChildren(el('span', {}, KINDS[kind].label, text, hint));
	}
}

const shownCards = () => [...groups.children].filter((element) => cards.has(element));

// After the groups on the page have changed.
function showGroupCount() {
	const number = shownCards().length;
	counts.set(kind, `${number}${next ? '+' : ''}`);
	showCounts();
	showAcceptance();
	groups.querySelector('.state')?.remove();
	if (number || next) return;
	const text = ignored.length
		? 'Apart from those marked as not duplicates.'
		: shots.length
			? 'Only raw files and the pictures made from them.'
			: 'There are none in this gallery.';
	groups.append(messageCard({ title: `${KINDS[kind].label}: none`, text }, []));
}

function showIgnored() {
	const hidden = `Hidden: ${count(ignored.length, 'group')} marked as not duplicates.`;
	const showAgain = () => {
		for (const group of ignored) setIgnored(group, false);
		groups.prepend(...ignored.splice(0).map(makeCard));
		showIgnored();
		showGroupCount();
	};
	notice.hidden = !ignored.length;
	notice.replaceChildren(
		el('span', {}, `${hidden} The marks are kept in this browser only.`),
		button('Show again', showAgain),
	);
}

// The cards are made when they are wanted: a photographer has thousands.
function showShots() {
	together.hidden = !shots.length;
	const number = count(shots.length, 'group');
	const summary = `Raw and JPEG of one shot: ${number}, nothing to delete`;
	const shown = together.open ? shots.map(shotCard) : [];
	together.replaceChildren(el('summary', {}, summary), el('div', { class: 'groups' }, shown));
}

function shotCard(/** @type {DuplicateGroup} */ group) {
	const [keeper, ...others] = group.images;
	const formats = new Set(others.map(({ format }) => format));
	const named = formats.has('JPEG') ? ['Raw', 'JPEG'] : [...new Set([keeper.format, ...formats])];
	const choice = { onConfirm: () => {}, onMark: () => {} };
	return groupCard(group, `${named.join(' and ')} of one shot`, choice).element;
}

function makeCard(/** @type {DuplicateGroup} */ group) {
	const onConfirm = () => removeMarked([card]);
	const choice = canDelete && !KINDS[kind].only ? { onConfirm, onMark: showAcceptance } : null;
	const ignore = button('Not duplicates', () => ignoreGroup(card), { icon: 'close' });
	/** @type {GroupCard} */
	const card = groupCard(group, count(group.images.length, 'picture'), choice, [ignore]);
	cards.set(card.element, card);
	return card.element;
}

function ignoreGroup(/** @type {GroupCard} */ { element, group }) {
	setIgnored(group, true);
	ignored.push(group);
	const neighbour = element.nextElementSibling ?? element.previousElementSibling;
	element.remove();
	cards.delete(element);
	showIgnored();
	showGroupCount();
	(neighbour ?? notice).querySelector('button')?.focus();
}

// One button for all exact copies on the page.
function showAcceptance() {
	const marked = kind === 'same-bytes' ? markedCards() : [];
	const pictures = marked.flatMap((card) => card.marked());
	acceptance.hidden = !pictures.length;
	const accept = button(
		`Accept all exact copies (${pictures.length.toLocaleString('en')})…`,
		acceptAll,
		{ kind: 'danger', icon: 'check' },
	);
	acceptance.replaceChildren(accept);
}

const markedCards = () =>
	shownCards()
		.map((element) => /** @type {GroupCard} */ (cards.get(element)))
		.filter((card) => card.marked().length && card.marked().length < card.group.images.length);

async function acceptAll() {
	const accepted = markedCards();
	const pictures = accepted.flatMap((card) => card.marked());
	const list = pictures.map((image) => el('li', {}, thumbnail(image, '', 64), bdi(image.name)));
	const number = count(pictures.length, 'exactCopy');
	const stays = `Of each of ${count(accepted.length, 'group')} at least one file stays. ${UNDO}`;
	const content = [el('p', {}, stays), el('ul', { class: 'deletion' }, list)];
	if (await confirmDeletion(`Delete ${number}?`, content)) removeMarked(accepted);
}

// Take the groups off the page and delete what is marked in them, unless that is undone.
function removeMarked(/** @type {GroupCard[]} */ removed) {
	const ids = removed.flatMap((card) => card.marked().map(({ id }) => id));
	if (!ids.length) return;
	const [first] = removed;
	const neighbour = first.element.nextElementSibling ?? first.element.previousElementSibling;
	const places = removed.map(({ element }) => {
		const place = document.createComment('');
		element.replaceWith(place);
		return place;
	});
	const restore = () => {
		removed.forEach(({ element }, i) => {
			places[i].replaceWith(element);
		});
		if (!first.element.isConnected) return;
		showGroupCount();
		focusPicture(first.element);
		announce('Restored.');
	};
	const forget = () => {
		for (const place of places) place.remove();
		for (const { element } of removed) cards.delete(element);
		counts.clear(); // groups of other kinds may have had these pictures
		if (!groups.isConnected) return;
		showGroupCount();
		if (running) countOthers(running.signal);
	};
	deleteSoon(ids, restore, forget);
	showGroupCount();
	if (!focusPicture(neighbour)) heading.focus();
	if (!shownCards().length && next) load(next);
}
