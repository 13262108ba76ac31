// Buttons to filter by, made from the metadata of the results. Depends on dom, gallery and state.

import { el, icon } from '../frame/dom.js';
import { addressOf, current, navigate } from '../frame/state.js';
import { getLimits } from '../gallery/gallery.js';

/** @typedef {Map<MetadataValue, Set<string>>} Values - value -> ids of the results with it */

const MAX_VALUES = 12; // of one field
const WIDE_PX = 860; // as in search.css
let opened = false;
/** @type {Map<string, Map<string, Values>>} */
const seen = new Map(); // query without filters -> field -> values

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

export async function filterPanel(/** @type {State} */ state) {
	const { filter_fields: fields } = await getLimits();
	const known = seen.get(unfiltered(state));
	const rows = Object.entries(fields).map(([field, type]) =>
		filterRow(state, field, type, known?.get(field) ?? new Map()),
	);
	const copies = chip('Show copies', state.copies, () => navigate({ copies: !current.copies }));
	const active = state.filter.length + (state.copies ? 1 : 0);
	// Always open where there is room (see search.css); on a phone only while it is used.
	const open = active > 0 || opened || innerWidth > WIDE_PX;
	const details = el(
		'details',
		{ class: 'filters', open },
		el('summary', {}, active ? `Filters (${active})` : 'Filters'),
		el('div', {}, rows, el('div', { role: 'group', 'aria-label': 'Copies' }, copies)),
	);
	details.addEventListener('toggle', () => {
		opened = details.open;
	});
	return details;
}

/** @type {(state: State, field: string, type: FieldType, values: Values) => Child} */
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
		all.map((value) => chip(inWords(value), active.includes(value), () => toggle(field, value))),
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

function inWords(/** @type {string} */ value) {
	if (!value.includes('..')) return value;
	const [low, high] = value.split('..');
	return !low ? `under ${high}` : !high ? `${low} or more` : `${low} to ${high}`;
}

/** @type {(text: string, pressed: boolean, onclick: () => void) => HTMLElement} */
const chip = (text, pressed, onclick) =>
	el(
		'button',
		{ type: 'button', class: 'chip', 'aria-pressed': String(pressed), onclick },
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
