// The view of duplicates: the groups of one notion, with a suggestion which copies to delete.
// Loaded when used. Depends on api, delete, deletions, dialogs, dom, duplicate-group, gallery,
// ignored-groups, images, key, kinds, likeness, state, text and words.

import { $, announce, bdi, button, el, messageCard } from '../frame/dom.js';
import { askForKey } from '../frame/key.js';
import { navigate } from '../frame/state.js';
import { get, isAbort, retryWhileStarting } from '../gallery/api.js';
import { deleteSoon, sendDeletions, UNDO_S, undoDeletion } from '../gallery/deletions.js';
import { can, inPlace } from '../gallery/gallery.js';
import { thumbnail } from '../gallery/images.js';
import { likenessSentence } from '../gallery/likeness.js';
import { confirmDeletion } from '../pictures/delete.js';
import { count, describeError, number } from '../words/text.js';
import { words } from '../words/words.js';
import { focusPicture, groupCard, onGroupKey } from './duplicate-group.js';
import { isIgnored, setIgnored } from './ignored-groups.js';
import { countOthers, counts, isElsewhere, isLookOnly, isShot, KINDS, pageAt } from './kinds.js';

/** @typedef {import('./duplicate-group.js').GroupCard} GroupCard */

const UNDO = [inPlace && words.pictures.deletion.allStay, words.duplicates.undoFor(number(UNDO_S))]
	.filter(Boolean)
	.join(' ');
const MIN_NEW_GROUPS = 10; // pages are loaded until there are as many
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
let heading = el('h1', { tabindex: '-1' }, words.duplicates.title);
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
	heading = el('h1', { tabindex: '-1' }, words.duplicates.title);
	together = el('details', { class: 'shots', hidden: true, ontoggle: showShots });
	groups = el('div', { class: 'groups' });
	footer = el('div', { class: 'row foot' });
	notice = el('p', { class: 'notice', hidden: true });
	acceptance = el('div', { class: 'row', hidden: true });
	const lookOnly = isLookOnly(kind);
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
				{ class: 'chips kinds', role: 'group', 'aria-label': words.duplicates.kindsLabel },
				kinds,
			),
			el('p', { class: 'muted' }, `${sentence}. ${KINDS[kind].text} ${lookOnly ? '' : UNDO}`),
			lookOnly ? null : keysHelp(),
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
		{ class: 'muted keys', role: 'group', 'aria-label': words.duplicates.keysLabel },
		words.duplicates.keys.map(([names, does]) =>
			el(
				'span',
				{},
				names.map((name) => el('kbd', {}, name)),
				` ${does}`,
			),
		),
	);

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
	const status = el('p', { class: 'muted', role: 'status' }, words.duplicates.checking);
	const bar = el('progress', { 'aria-label': words.duplicates.checkedLabel });
	footer.replaceChildren(status, bar);
	const onWait = () => {
		status.textContent = words.gallery.starting;
	};
	try {
		if (cursor === null) await sendDeletions();
		({ images: total } = await get('v1/stats', { signal })); // asks for a key if there is none
		canDelete = await can('write');
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
			status.textContent = words.duplicates.checked(number(checked), count(total, 'picture'));
			bar.value = Math.min(1, checked / total);
			showIgnored();
			showShots();
			showAcceptance();
		} while (next && cards.size < before + MIN_NEW_GROUPS);
		const more = button(words.duplicates.showMore, () => load(next), { kind: 'secondary' });
		footer.replaceChildren(...(next ? [more] : []));
		showGroupCount();
		announce(count(shownCards().length, 'group'));
		countOthers(total, signal, showCounts);
	} catch (error) {
		if (isAbort(error)) return;
		showError(error, signal);
	}
}

function showError(/** @type {ApiFailure} */ error, /** @type {AbortSignal} */ signal) {
	const message = describeError(error);
	const retry = () => load(next);
	const enterKey = async () => (await askForKey(message.text)) && retry();
	const again = error.code.startsWith('key-')
		? button(words.key.enter, enterKey, { kind: 'primary', icon: 'key' })
		: button(words.frame.retry, retry, { kind: 'primary', icon: 'retry' });
	footer.replaceChildren(messageCard(message, [again]));
	announce(`${message.title}. ${message.text}`);
	if (error.code === 'offline') addEventListener('online', retry, { once: true, signal });
}

function showCounts() {
	for (const chip of view.querySelectorAll('.kinds .chip')) {
		const { kind = '' } = /** @type {HTMLElement} */ (chip).dataset;
		const { label } = KINDS[kind];
		const known = counts.get(kind);
		chip.replaceChildren(el('span', {}, label));
		if (!known) continue;
		const shown = `${number(known.groups)}${known.more ? '+' : ''}`;
		chip.append(' ', el('span', { class: 'number' }, shown));
		chip.setAttribute('aria-label', `${label} ${count(known.groups, 'group', shown)}`);
	}
}

const shownCards = () => [...groups.children].filter((element) => cards.has(element));

// After the groups on the page have changed.
function showGroupCount() {
	const groupsShown = shownCards().length;
	counts.set(kind, { groups: groupsShown, more: Boolean(next) });
	showCounts();
	showAcceptance();
	groups.querySelector('.state')?.remove();
	if (groupsShown || next) return;
	const { none, noneAtAll, noneButIgnored, noneButShots } = words.duplicates;
	const text = ignored.length ? noneButIgnored : shots.length ? noneButShots : noneAtAll;
	const title = none(KINDS[kind].label);
	groups.append(messageCard({ title, text, drawing: 'tidy' }, []));
}

function showIgnored() {
	const showAgain = () => {
		for (const group of ignored) setIgnored(group, false);
		groups.prepend(...ignored.splice(0).map(makeCard));
		showIgnored();
		showGroupCount();
	};
	notice.hidden = !ignored.length;
	notice.replaceChildren(
		el('span', {}, words.duplicates.ignored(count(ignored.length, 'group'))),
		button(words.duplicates.showAgain, showAgain),
	);
}

// The cards are made when they are wanted: a photographer has thousands.
function showShots() {
	together.hidden = !shots.length;
	const summary = words.duplicates.shots(count(shots.length, 'group'));
	const shown = together.open ? shots.map(shotCard) : [];
	together.replaceChildren(el('summary', {}, summary), el('div', { class: 'groups' }, shown));
}

function shotCard(/** @type {DuplicateGroup} */ group) {
	const [keeper, ...others] = group.images;
	const formats = new Set(others.map(({ format }) => format));
	const named = formats.has('JPEG')
		? [words.duplicates.raw, 'JPEG']
		: [...new Set([keeper.format, ...formats])];
	const choice = { onConfirm: () => {}, onMark: () => {} };
	return groupCard(group, words.duplicates.shot(named), choice).element;
}

function makeCard(/** @type {DuplicateGroup} */ group) {
	const onConfirm = () => removeMarked([card]);
	const choice = canDelete && !isLookOnly(kind) ? { onConfirm, onMark: showAcceptance } : null;
	const ignore = button(words.duplicates.notDuplicates, () => ignoreGroup(card), { icon: 'close' });
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
	const text = words.duplicates.acceptAll(number(pictures.length));
	const accept = button(text, acceptAll, { kind: 'danger', icon: 'check' });
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
	const { acceptQuestion, acceptText } = words.duplicates;
	const stays = `${acceptText(count(accepted.length, 'group'))} ${UNDO}`;
	const content = [el('p', {}, stays), el('ul', { class: 'deletion' }, list)];
	const question = acceptQuestion(count(pictures.length, 'exactCopy'));
	if (await confirmDeletion(question, content)) removeMarked(accepted);
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
		announce(words.duplicates.restored);
	};
	const forget = () => {
		for (const place of places) place.remove();
		for (const { element } of removed) cards.delete(element);
		counts.clear(); // groups of other kinds may have had these pictures
		if (!groups.isConnected) return;
		showGroupCount();
		if (running) countOthers(total, running.signal, showCounts);
	};
	deleteSoon(ids, restore, forget);
	showGroupCount();
	if (!focusPicture(neighbour)) heading.focus();
	if (!shownCards().length && next) load(next);
}
