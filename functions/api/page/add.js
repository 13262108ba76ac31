// The view to add pictures: files or folders in, and what became of each.

import { $, announce, button, el, said } from './dom.js';
import { fromClipboard, fromDrop, fromField } from './files.js';
import { limits, may, safe } from './gallery.js';
import { ask } from './key.js';
import { forget } from './search.js';
import { begin } from './state.js';
import { showIn } from './thumbs.js';
import { all, clear, counts, onchange, replace, retry, send, working } from './uploads.js';
import { count, percent, size } from './words.js';

const WORDS = { waiting: 'Waiting', sending: 'Sending', added: 'Added', replaced: 'Replaced', duplicate: 'Duplicate', refused: 'Refused', failed: 'Failed' };
const DONE = ['added', 'replaced', 'duplicate', 'refused', 'failed'];
const view = $('#add');
const rows = new Map(); // item -> its row
const parts = {};

export async function enter() {
  if (!parts.list) build();
  parts.allowed = may('write').catch(() => false);
  const allowed = await parts.allowed;
  parts.refused.hidden = allowed;
  parts.form.hidden = !allowed;
}

export function take(files) {
  queue(fromClipboard(files));
}

export async function takeDropped(transfer) {
  queue(await fromDrop(transfer));
}

function build() {
  parts.list = el('ul', { class: 'sent' });
  parts.counts = el('p', { role: 'status' });
  parts.bar = el('progress', { max: 1, value: 0, 'aria-label': 'Sent' });
  parts.tools = el('div', { class: 'row' });
  parts.summary = el('div', { class: 'summary', hidden: true }, parts.counts, parts.bar, parts.tools);
  parts.refused = el('div', { class: 'state', hidden: true }, el('h2', {}, 'This key may not add pictures'),
    el('p', {}, 'Adding needs a key that may write.'),
    el('div', { class: 'row' }, button('Enter another key', async () => { if (await ask('Enter a key that may write.')) enter(); }, { kind: 'secondary', picture: 'key' })));
  parts.form = el('div', { class: 'adding', hidden: true }, target(), labels());
  view.replaceChildren(el('div', { class: 'page' }, el('h1', {}, 'Add pictures'), parts.refused, parts.form, parts.summary, parts.list));
  onchange(onItem);
}

function target() {
  const files = el('input', { type: 'file', multiple: true, accept: 'image/*,.heic,.heif,.avif', hidden: true, 'aria-label': 'Pictures to add' });
  const folder = el('input', { type: 'file', webkitdirectory: true, hidden: true, 'aria-label': 'Folder to add' });
  for (const field of [files, folder]) {
    field.onchange = () => { queue(fromField(field)); field.value = ''; };
  }
  return el('div', { class: 'target' },
    el('p', { class: 'hint' }, 'Drop pictures or folders anywhere on this page, paste one, or'),
    el('div', { class: 'row' },
      button('Choose pictures', () => files.click(), { kind: 'primary', picture: 'picture' }),
      button('Choose a folder', () => folder.click(), { kind: 'secondary', picture: 'folder' })),
    files, folder);
}

// Words to file the next pictures under: the fields that can be filtered by.
function labels() {
  const fields = el('div', { class: 'fields' });
  const field = (name, words, hint) => el('label', {}, words, el('input', { 'data-field': name, placeholder: hint, autocomplete: 'off' }));
  fields.append(field('', 'Folder', 'summer/'));
  limits().then(({ filter_fields: declared }) =>
    fields.append(...Object.entries(declared).map(([name, kind]) => field(name, el('bdi', {}, name), kind))), () => {});
  parts.fields = fields;
  return el('details', { class: 'labels' }, el('summary', {}, 'Name and label them'), fields);
}

async function written() {
  const { filter_fields: kinds } = await limits();
  const metadata = {};
  let prefix = '';
  for (const input of parts.fields.querySelectorAll('input')) {
    const { field } = input.dataset;
    const value = input.value.trim();
    if (!field) prefix = value && `${value.replace(/^\/+|\/+$/g, '')}/`;
    else if (value) metadata[field] = ['integer', 'float'].includes(kinds[field]) ? Number(value) : kinds[field] === 'bool' ? value === 'true' : value;
  }
  return { prefix, metadata };
}

async function queue(files) {
  if (!files.length || !await parts.allowed) return;
  for (const item of send(files, await written())) row(item);
  announce(`${count(files.length, 'picture')} queued`);
}

function row(item) {
  const image = el('img', { alt: '', width: 56, height: 56, loading: 'lazy' });
  image.onerror = () => image.removeAttribute('src'); // no picture, or none this browser knows
  image.src = URL.createObjectURL(item.file);
  const state = el('p', { class: 'became' });
  const tools = el('div', { class: 'row' });
  const element = el('li', {}, image, el('div', {},
    el('p', { class: 'name' }, said(item.name ?? item.file.name)), state), tools);
  rows.set(item, { element, image, state, tools });
  parts.list.prepend(element);
  showItem(item);
}

function onItem(item) {
  if (rows.has(item)) showItem(item);
  showCounts();
  if (['added', 'replaced'].includes(item.state)) forget(); // the next search finds it
}

function showItem(item) {
  const { element, image, state, tools } = rows.get(item);
  element.dataset.state = item.state;
  const words = item.state === 'sending' && item.sent < 1 ? `Sending ${Math.floor(item.sent * 100)} %`
    : item.state === 'sending' ? 'Looking at it' : WORDS[item.state];
  state.replaceChildren(el('strong', {}, words), ' ', told(item));
  tools.replaceChildren(...offered(item));
  if (item.image && !image.dataset.stored) {
    image.dataset.stored = '1';
    URL.revokeObjectURL(image.src);
    showIn(image, safe(item.image.links.thumbnail));
  }
}

function told(item) {
  if (item.state === 'duplicate') return el('span', {}, 'of ', said(item.image.name));
  const [near] = item.near ?? [];
  if (near) return el('span', {}, 'looks like ', said(near.name), `, ${percent(near.similarity)} alike`);
  return el('span', { class: 'soft' }, item.detail || size(item.file.size));
}

function offered(item) {
  if (item.state === 'failed') return [button('Retry', () => retry([item]), { picture: 'again' })];
  if (item.taken && item.state === 'refused') return [button('Replace it', () => replace(item))];
  if (item.image) return [button('Find lookalikes', () => begin({ id: item.image.id }), { picture: 'like' })];
  return [];
}

function showCounts() {
  const found = counts();
  const done = DONE.reduce((sum, state) => sum + (found[state] ?? 0), 0);
  parts.summary.hidden = all().length === 0;
  const words = DONE.filter((state) => found[state]).map((state) => `${found[state]} ${WORDS[state].toLowerCase()}`);
  const left = all().length - done;
  parts.counts.textContent = (left ? `${done} of ${all().length} done` : `All ${count(all().length, 'picture')} done`) + (words.length ? `: ${words.join(', ')}` : '');
  parts.bar.value = done / all().length;
  parts.tools.replaceChildren(...[
    found.failed && button(`Retry ${found.failed} failed`, () => retry(), { kind: 'primary', picture: 'again' }),
    !working() && button('Clear the list', () => { clear(); rows.clear(); parts.list.replaceChildren(); showCounts(); }),
  ].filter(Boolean));
}
