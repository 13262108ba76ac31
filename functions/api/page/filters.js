// Chips to filter by, made of the values that the found pictures really have.

import { el, icon } from './dom.js';
import { limits } from './gallery.js';
import { address, go, now } from './state.js';

const MOST = 12; // values of one field
let opened = false;
const seen = new Map(); // query without its filters -> field -> value -> how many

const asked = (state) => `${state.upload ?? ''}${address({ ...state, min: 0, filter: [], copies: false })}`;

// Remember the values of these results; while a filter narrows them, those seen before stay.
export function learn(state, results) {
  const known = seen.get(asked(state)) ?? new Map();
  seen.set(asked(state), known);
  for (const { id, metadata } of results) {
    for (const [field, value] of Object.entries(metadata)) {
      const ids = known.get(field) ?? known.set(field, new Map()).get(field);
      for (const each of [value].flat()) (ids.get(each) ?? ids.set(each, new Set()).get(each)).add(id);
    }
  }
}

export async function chipsFor(state) {
  const { filter_fields: fields } = await limits();
  const known = seen.get(asked(state)) ?? new Map();
  const rows = Object.entries(fields).map(([field, kind]) => row(state, field, kind, known.get(field) ?? new Map()));
  const copies = chip('Unfold all copies', state.copies, () => go({ copies: !now.copies }));
  const active = state.filter.length + (state.copies ? 1 : 0);
  // Always open where there is room (see parts.css); on a phone only while it is used.
  return el('details', { class: 'filters', open: active > 0 || opened || innerWidth > 860, ontoggle: (event) => { opened = event.target.open; } },
    el('summary', {}, active ? `Filters: ${active} on` : 'Filters'),
    el('div', {}, rows, el('div', { role: 'group', 'aria-label': 'Copies' }, copies)));
}

function row(state, field, kind, values) {
  const active = state.filter.filter(([name]) => name === field).map(([, value]) => value);
  const offered = kind === 'integer' || kind === 'float' ? ranges(values) : kind === 'datetime' ? [] : common(values);
  const all = [...new Set([...active, ...offered])];
  if (!all.length) return null;
  return el('div', { role: 'group', 'aria-label': field },
    el('span', { class: 'field' }, el('bdi', {}, field)),
    all.map((value) => chip(shown(value), active.includes(value), () => toggle(field, value))));
}

const common = (values) => [...values].sort((a, b) => b[1].size - a[1].size).slice(0, MOST).map(([value]) => String(value));

// Three ranges that hold about a third each, or the few values themselves.
function ranges(values) {
  const sorted = [...values.keys()].filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length < 6) return sorted.map(String);
  const cuts = [1, 2].map((third) => Number(sorted[Math.floor(sorted.length * third / 3)].toPrecision(2)));
  const [low, high] = cuts;
  return low < high ? [`..${low}`, `${low}..${high}`, `${high}..`] : [`..${low}`, `${low}..`];
}

function shown(value) {
  const [low, high] = value.includes('..') ? value.split('..') : [];
  if (high === undefined) return value;
  return !low ? `under ${high}` : !high ? `${low} and more` : `${low} to ${high}`;
}

function chip(text, pressed, onclick) {
  return el('button', { type: 'button', class: 'chip', 'aria-pressed': String(pressed), onclick },
    pressed && icon('check'), el('bdi', {}, text));
}

function toggle(field, value) {
  const without = now.filter.filter(([name, each]) => name !== field || each !== value);
  if (without.length < now.filter.length) return go({ filter: without });
  const range = value.includes('..'); // only one at a time
  go({ filter: [...without.filter(([name]) => !range || name !== field), [field, value]] });
}
