// The first view: ways to bring a picture, and a few of the gallery's own to begin with.

import { get } from './api.js';
import { button, el } from './dom.js';
import { note } from './dialogs.js';
import { may, safe } from './gallery.js';
import { ask } from './key.js';
import { hold } from './pictures.js';
import { begin, show } from './state.js';
import { showIn } from './thumbs.js';
import { explain } from './words.js';

const SAMPLES = 8;
const $ = (id) => document.getElementById(id);

// Search with the first of these files.
export function searchWith(files) {
  const [file] = files;
  if (!file) return;
  if (files.length > 1) note(`Searching with the first of ${files.length}.`, button('Add them instead', () => show('add')));
  begin({ upload: hold(file) });
  scrollTo({ top: 0 });
}

export function listen() {
  for (const [press, field] of [['choose', 'file'], ['camera', 'shot']]) {
    $(press).onclick = () => $(field).click();
    $(field).onchange = () => { searchWith([...$(field).files]); $(field).value = ''; };
  }
  $('target').onclick = ({ target }) => { if (!target.closest('button, input')) $('file').click(); };
}

export async function showSamples() {
  const place = $('samples');
  try {
    const { images } = await get(`/v1/images?limit=${SAMPLES}`);
    place.replaceChildren(...images.length ? samples(images) : await empty());
  } catch (problem) {
    const { title, text } = explain(problem);
    const key = problem.code.startsWith('key-');
    const retry = key ? async () => { if (await ask(text)) showSamples(); } : showSamples;
    place.replaceChildren(el('div', { class: 'state' }, el('h2', {}, title), el('p', {}, text),
      el('div', { class: 'row' }, button(key ? 'Enter a key' : 'Try again', retry, { kind: 'secondary', picture: key ? 'key' : 'again' }))));
  }
}

const samples = (images) => [el('h2', {}, 'Or begin with one of these'),
  el('ul', { class: 'strip' }, images.map((image) => el('li', {},
    el('button', { type: 'button', class: 'sample', onclick: () => begin({ id: image.id }) },
      showIn(el('img', { alt: `Search with ${image.name}`, width: 320, height: 320 }), safe(image.links.thumbnail))))))];

async function empty() {
  const words = [el('h2', {}, 'This gallery is empty'),
    el('p', {}, 'Once there are pictures in it, their lookalikes are found here.')];
  const adding = await may('write') && button('Add pictures', () => show('add'), { kind: 'secondary', picture: 'plus' });
  return [el('div', { class: 'state' }, words, el('div', { class: 'row' }, adding))];
}
