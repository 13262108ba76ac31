// The panel that shows what is searched for: the picture, a box on it, what to be more or less like.

import { call, get } from './api.js';
import { boxOn } from './box.js';
import { announce, button, el, icon, said } from './dom.js';
import { note } from './dialogs.js';
import { may, safe } from './gallery.js';
import { holding } from './pictures.js';
import { begin, go, now } from './state.js';
import { showIn } from './thumbs.js';
import { explain } from './words.js';
import { copyLink } from './links.js';

const MIDDLE = { x: 0.2, y: 0.2, width: 0.6, height: 0.6 };
const panel = document.querySelector('#query');
const images = new Map(); // id -> image, of those shown
let shown = null; // the query that stands in the panel
let box = null;
let frame = null;
let parts = {};

// Remember images that are on the page anyway, so that they need not be asked for.
export function know(found) {
  found.forEach((image) => images.set(image.id, image));
}

export async function imageOf(id) {
  if (!images.has(id)) images.set(id, await get(`/v1/images/${encodeURIComponent(id)}`));
  return images.get(id);
}

export function showQuery(state) {
  const query = state.upload ?? state.id ?? state.url ?? 'examples';
  if (query !== shown) build(state);
  shown = query;
  showBox(state.part);
  showExamples(state);
}

export function forgetQuery() {
  shown = null;
  panel.replaceChildren();
}

function build(state) {
  box = null;
  frame = el('div', { class: 'frame' });
  parts = { name: el('p', { class: 'name' }), about: el('p', { class: 'soft about' }), tools: el('div', { class: 'tools' }) };
  parts.examples = el('div', { class: 'examples' });
  panel.replaceChildren(frame, el('div', { class: 'told' }, parts.name, parts.about, parts.tools, parts.examples));
  frame.hidden = !(state.upload || state.id || state.url);
  if (state.upload) showUpload(holding(state.upload));
  else if (state.id) showStored(state.id);
  else if (state.url) showUrl(state.url);
  else parts.name.textContent = 'Several pictures';
}

function picture(alt) {
  const image = el('img', { alt });
  image.addEventListener('load', () => {
    frame.style.setProperty('--ratio', image.naturalWidth / image.naturalHeight);
    frame.classList.add('ready');
  });
  frame.prepend(image);
  return image;
}

function showUpload(held) {
  if (!held) {
    frame.hidden = true;
    parts.name.textContent = 'A picture that is gone';
    return;
  }
  const image = picture('The picture you search with');
  image.onerror = () => {
    image.remove();
    frame.append(el('p', { class: 'unshown' }, icon('picture'), 'This browser cannot show this format; the gallery may read it all the same.'));
    parts.part?.remove();
  };
  image.src = held.preview;
  parts.name.replaceChildren(said(held.name));
  parts.about.textContent = 'Not stored anywhere, so this search has no address to share.';
  tools();
  addTool(held);
}

async function addTool(held) {
  if (!await may('write').catch(() => false)) return;
  const add = button('Add to gallery', () => addIt(held, add), { picture: 'plus' });
  parts.tools.append(add);
}

async function addIt(held, add) {
  add.disabled = true;
  try {
    const form = new FormData();
    form.append('image', held.file, 'picture');
    const { image, status } = await call('POST', '/v1/images', { form });
    note(status === 'duplicate' ? 'It was in the gallery already; this search can be shared now.' : 'Added; this search can be shared now.');
    know([image]);
    go({ upload: null, id: image.id }, { replace: true });
  } catch (problem) {
    const { title, text } = explain(problem);
    note(`${title}. ${text}`);
    add.disabled = false;
  }
}

async function showStored(id) {
  tools();
  parts.tools.append(button('Copy link', copyLink, { picture: 'link' }));
  try {
    const image = await imageOf(id);
    if (now.id !== id) return;
    showIn(picture(`The picture searched with: ${image.name}`), safe(image.links.thumbnail));
    parts.name.replaceChildren(said(image.name));
    parts.about.textContent = `${image.width} × ${image.height} pixels`;
  } catch {
    frame.hidden = true; // the search itself says why
  }
}

function showUrl(url) {
  frame.hidden = true;
  parts.name.replaceChildren(said(url));
  parts.about.textContent = 'Fetched by the gallery from there.';
}

function tools() {
  parts.part = button('Search by a part', togglePart, { picture: 'part', 'aria-pressed': 'false' });
  parts.tools.append(parts.part);
}

function togglePart() {
  if (now.part) return go({ part: null });
  go({ part: MIDDLE, more: [], less: [] });
  box?.focus();
  announce('A box was put on the picture. Arrow keys move it, with Shift they change its size.');
}

function showBox(part) {
  parts.part?.setAttribute('aria-pressed', String(Boolean(part)));
  parts.part?.lastChild.replaceChildren(part ? 'Search by all of it' : 'Search by a part');
  panel.classList.toggle('parted', Boolean(part));
  if (!part) {
    box?.remove();
    box = null;
  } else if (box) {
    box.place(part);
  } else {
    box = boxOn(frame, part, (changed) => go({ part: changed }));
  }
}

function showExamples({ more, less }) {
  const rows = [['more', 'More like', more], ['less', 'Less like', less]];
  parts.examples.replaceChildren(...rows.filter(([, , ids]) => ids.length).map(([side, words, ids]) =>
    el('div', {}, el('h3', {}, words), el('ul', { class: `chips ${side}` }, ids.map((id) => el('li', {}, chip(side, id)))))));
}

function chip(side, id) {
  const image = el('img', { alt: '', width: 36, height: 36 });
  const name = el('bdi');
  const chip = el('button', { type: 'button', class: 'chip example', onclick: () => without(side, id) }, image, name, icon('close'));
  chip.setAttribute('aria-label', 'Remove this example');
  imageOf(id).then((found) => {
    name.textContent = found.name;
    chip.setAttribute('aria-label', `Remove ${found.name} from the examples`);
    showIn(image, safe(found.links.thumbnail));
  }, () => { name.textContent = 'no longer there'; });
  return chip;
}

function without(side, id) {
  const rest = { ...now, [side]: now[side].filter((each) => each !== id) };
  if (!rest.upload && !rest.id && !rest.url && !rest.more.length) begin();
  else go({ [side]: rest[side] });
}
