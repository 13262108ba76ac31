// Runs a search for the state: one at a time, the newer stops the older. Keeps the last answers.

import { call, patiently, Problem } from './api.js';
import { limits } from './gallery.js';
import { base64, holding, prepared } from './pictures.js';
import { address } from './state.js';

const PART = 48; // results asked for at once: fills rows of 2, 3, 4, 6 and 8
const KEPT = 15;
const answers = new Map(); // what was asked -> {results, next}
let running = null;

// What a search depends on; the threshold only hides.
export const question = (state) => `${state.upload ?? ''}${address({ ...state, min: 0 })}`;

export const answered = (state) => answers.get(question(state));

export function forget() {
  answers.clear();
}

export function cancel() {
  running?.abort();
}

// Give {results, next} for the state, with one more part of it if `next`; tells `stages` how it goes.
export async function search(state, stages, next = 0) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const body = await request(state, next, signal, stages);
  const onwait = () => stages.say('The gallery is waking up; this takes up to a minute.');
  stages.at(body.form ? 'uploading' : 'searching');
  const slow = setTimeout(() => stages.say('Still searching; the first search after a pause takes longer.'), 4000);
  let answer;
  try {
    answer = await patiently(
      () => call('POST', '/v1/search', { ...body, signal, onsent: body.form && stages.sent }),
      { signal, onwait });
  } finally {
    clearTimeout(slow);
  }
  const before = next ? answered(state)?.results ?? [] : [];
  const whole = { results: [...before, ...answer.results], next: answer.next_offset };
  answers.set(question(state), whole);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
  return whole;
}

// Options and examples: a form for a picture alone, so that its way can be watched; JSON else.
async function request(state, offset, signal, stages) {
  const options = { limit: PART, offset };
  const filter = await demands(state.filter);
  const { more, less } = state;
  let blob = null;
  if (state.upload) {
    const picture = holding(state.upload);
    if (!picture) throw new Problem('not-kept');
    stages.at('preparing');
    blob = await prepared(picture, state.part, signal);
  }
  if (blob && !more.length && !less.length) return { form: form(blob, options, filter) };
  const json = { ...options, ...filter && { filter } };
  if (!blob && !more.length && !less.length) {
    Object.assign(json, state.id ? { id: state.id, exclude_self: true } : { url: state.url });
    if (state.part) json.region = state.part;
  } else {
    const own = blob ? [{ image: await base64(blob) }] : state.id ? [{ id: state.id }] : [];
    json.positive = [...own, ...more.map((id) => ({ id }))];
    json.negative = less.map((id) => ({ id }));
    json.exclude_self = !blob;
  }
  return { json };
}

function form(blob, options, filter) {
  const form = new FormData();
  form.append('image', blob, 'query');
  for (const [name, value] of Object.entries(options)) form.append(name, value);
  if (filter) form.append('filter', JSON.stringify(filter));
  return form;
}

// [["category", "shoe"], ["price", "10..20"]] as the API wants it, each value in its field's type.
async function demands(pairs) {
  if (!pairs.length) return null;
  const { filter_fields: fields } = await limits();
  const filter = {};
  for (const [field, value] of pairs) {
    const kind = fields[field];
    const number = kind === 'integer' || kind === 'float';
    if (number && value.includes('..')) {
      const [low, high] = value.split('..');
      filter[field] = { ...low && { gte: Number(low) }, ...high && { lt: Number(high) } };
    } else {
      const typed = number ? Number(value) : kind === 'bool' ? value === 'true' : value;
      filter[field] = [...filter[field] ?? [], typed];
    }
  }
  return filter;
}


