// What narrows the results: the minimum match, copies, and values of the metadata of the results.
// The panel opens below the toolbar and stays as it is while results come and go.
// Depends on dom, focus, gallery, state, text and words.

import { el, icon } from '../frame/dom.js';
import { addressOf, current, navigate, slide } from '../frame/state.js';
import { getLimits } from '../gallery/gallery.js';
import { count, number, percent } from '../words/text.js';
import { words } from '../words/words.js';
import { keepFocus } from './focus.js';

/** @typedef {Map<MetadataValue, Set<string>>} Values - value -> ids of the results with it */

const MAX_VALUES = 12; // of one field
/** @type {Map<string, Map<string, Values>>} */
const seen = new Map(); // query without filters -> field -> values

const value = el('output', { for: 'min-match' });
const summary = el('p', { class: 'muted result-count', 'aria-live': 'polite' });
const slider = el('input', { type: 'range', id: 'min-match', min: 0, max: 100, step: 1 });
const chips = el('div', { class: 'filter-rows' });
export const filterPanel = el(
	'div',
	{ id: 'filters', hidden: true },
	el(
		'div',
		{ class: 'threshold' },
		el('label', { for: 'min-match' }, words.search.minimum, value),
		slider,
		summary,
	),
	chips,
);
const label = el('span');
export const filterButton = el(
	'button',
	{
		type: 'button',
		class: 'quiet filter-button',
		'aria-expanded': 'false',
		'aria-controls': 'filters',
		onclick: () => {
			filterPanel.hidden = !filterPanel.hidden;
			filterButton.setAttribute('aria-expanded', String(!filterPanel.hidden));
		},
	},
	icon('filter'),
	label,
);
slider.addEventListener('input', () => slide({ min: slider.valueAsNumber }));

// Show what is filtered by, and what else can be.
export async function showFilters(/** @type {State} */ state) {
	const { filter, copies, min } = state;
	const active = filter.length + (copies ? 1 : 0) + (min ? 1 : 0);
	label.textContent = active ? words.search.filtersActive(number(active)) : words.search.filters;
	filterButton.classList.toggle('active', active > 0);
	slider.value = String(min);
	slider.style.setProperty('--at', String(min / 100));
	value.textContent = percent(min / 100);
	slider.setAttribute('aria-valuetext', value.textContent);
	const { filter_fields: fields } = await getLimits().catch(() => ({ filter_fields: {} }));
	if (state !== current) return;
	const known = seen.get(unfiltered(state));
	const rows = Object.entries(fields).map(([field, type]) =>
		filterRow(state, field, type, known?.get(field) ?? new Map()),
	);
	const toggleCopies = () => navigate({ copies: !current.copies });
	const showCopies = chip('copies', words.search.showCopies, copies, toggleCopies);
	const all = [
		...rows.filter((row) => row !== null),
		el('div', { role: 'group', 'aria-label': words.search.copies }, showCopies),
	];
	if (all.map(signature).join() === [...chips.children].map(signature).join()) return;
	keepFocus(chips, filterButton, () => chips.replaceChildren(...all));
}

// A row as text: it is only drawn again if that differs.
const signature = (/** @type {Element} */ row) =>
	row.textContent + [...row.children].map((each) => each.ariaPressed).join();

// Say how many results reach the minimum match.
/** @type {(counts: { matches: number, all: number, hiddenCopies: number }, more: boolean) => void} */
export function showCounts({ matches, all, hiddenCopies }, more) {
	const results = count(all, 'result');
	const shown =
		matches < all
			? words.search.someOf(number(matches), results)
			: more
				? words.search.firstOf(results)
				: results;
	const hidden = hiddenCopies ? `, ${words.search.hidden(count(hiddenCopies, 'copy'))}` : '';
	summary.textContent = shown + hidden;
}

const unfiltered = (/** @type {State} */ state) =>
	`${state.upload ?? ''}${addressOf({ ...state, min: 0, filter: [], copies: false })}`;

// Collect the values of these results. While a filter narrows them, values seen before stay.
export function collectValues(/** @type {State} */ state, /** @type {SearchResult[]} */ results) {
	/** @type {Map<string, Values>} */
	const fields = seen.get(unfiltered(state)) ?? new Map();
	seen.set(unfiltered(state), fields);
	for (const { id, metadata } of results) {
		for (const [field, value] of Object.entries(metadata)) {
			/** @type {Values} */
			const values = fields.get(field) ?? new Map();
			fields.set(field, values);
			for (const each of [value].flat()) {
				values.set(each, (values.get(each) ?? new Set()).add(id));
			}
		}
	}
}

/** @type {(state: State, field: string, type: FieldType, values: Values) => HTMLElement | null} */
function filterRow(state, field, type, values) {
	const active = state.filter.filter(([name]) => name === field).map(([, value]) => value);
	const isNumber = type === 'integer' || type === 'float';
	const offered = isNumber ? ranges(values) : type === 'datetime' ? [] : commonValues(values);
	const all = [...new Set([...active, ...offered])];
	if (!all.length) return null;
	return el(
		'div',
		{ role: 'group', 'aria-label': field },
		el('span', { class: 'field' }, el('bdi', {}, field)),
		all.map((value) =>
			chip(`${field}:${value}`, inWords(value, type), active.includes(value), () =>
				toggle(field, value),
			),
		),
	);
}

const commonValues = (/** @type {Values} */ values) =>
	[...values]
		.sort((a, b) => b[1].size - a[1].size)
		.slice(0, MAX_VALUES)
		.map(([value]) => String(value));

// Three ranges that hold about a third each, or the few values themselves.
function ranges(/** @type {Values} */ values) {
	const sorted = [...values.keys()]
		.filter((value) => typeof value === 'number')
		.sort((a, b) => a - b);
	if (sorted.length < 6) return sorted.map(String);
	const [low, high] = [1, 2].map((third) =>
		Number(sorted[Math.floor((sorted.length * third) / 3)].toPrecision(2)),
	);
	return low < high ? [`..${low}`, `${low}..${high}`, `${high}..`] : [`..${low}`, `${low}..`];
}

/** @type {(value: string, type: FieldType) => string} */
function inWords(value, type) {
	if (type === 'bool') return value === 'true' ? words.search.yes : words.search.no;
	if (type !== 'integer' && type !== 'float') return value;
	const [low, high] = value.split('..').map((bound) => bound && number(Number(bound)));
	if (high === undefined) return low;
	if (!low) return words.search.under(high);
	return high ? words.search.range(low, high) : words.search.orMore(low);
}

/** @type {(key: string, text: string, pressed: boolean, onclick: () => void) => HTMLElement} */
const chip = (key, text, pressed, onclick) =>
	el(
		'button',
		{ type: 'button', class: 'chip', 'data-key': key, 'aria-pressed': String(pressed), onclick },
		pressed && icon('check'),
		el('bdi', {}, text),
	);

function toggle(/** @type {string} */ field, /** @type {string} */ value) {
	const without = current.filter.filter(([name, each]) => name !== field || each !== value);
	if (without.length < current.filter.length) return navigate({ filter: without });
	const isRange = value.includes('..'); // only one at a time
	const kept = without.filter(([name]) => !isRange || name !== field);
	navigate({ filter: [...kept, [field, value]] });
}
