// The view of duplicates: groups with a proposed keeper. Nothing is deleted but what is confirmed.

import { aborted, get, patiently, post } from './api.js';
import { $, announce, button, el, icon, said } from './dom.js';
import { confirm, note } from './dialogs.js';
import { may, safe } from './gallery.js';
import { mark, marked } from './marks.js';
import { forget } from './search.js';
import { go } from './state.js';
import { showIn } from './thumbs.js';
import { count, explain, percent, size } from './words.js';

const KINDS = {
  'same-bytes': ['Same file', 'The very same bytes, stored more than once.'],
  'same-picture': ['Same picture', 'Other files of one picture: resized, saved again, in another format.'],
  lookalike: ['Look alike', 'Pictures that nearly cannot be told apart, such as two shots of one scene.'],
};
const PART = 20;
const view = $('#duplicates');
const shown = { kind: null };
let asking = null;

export const leave = () => asking?.abort();

export async function enter({ kind }) {
  shown.kind = KINDS[kind] ? kind : 'same-picture';
  shown.hidden = [];
  shown.looked = 0;
  const groups = el('div', { class: 'groups' });
  const foot = el('div', { class: 'row foot' });
  Object.assign(shown, { groups, foot, hiding: el('p', { class: 'notice', hidden: true }) });
  view.replaceChildren(el('div', { class: 'page' }, el('h1', {}, 'Duplicates'),
    el('div', { class: 'kinds', role: 'group', 'aria-label': 'What counts as a duplicate' },
      Object.entries(KINDS).map(([each, [words]]) => el('button', {
        type: 'button', class: 'chip', 'aria-pressed': String(each === shown.kind), onclick: () => go({ kind: each }),
      }, words))),
    el('p', { class: 'soft' }, `${KINDS[shown.kind][1]} Nothing is deleted unless you say so.`),
    shown.hiding, groups, foot));
  await load(null);
}

async function load(cursor) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const { kind, groups, foot } = shown;
  const waiting = el('p', { class: 'soft', role: 'status' }, 'Looking through the gallery …');
  const bar = el('progress', { 'aria-label': 'Looking' });
  foot.replaceChildren(waiting, bar);
  const onwait = () => { waiting.textContent = 'The gallery is waking up; this takes up to a minute.'; };
  try {
    const writable = await may('write').catch(() => false);
    const { images: total } = await get('/v1/stats', { signal });
    const before = groups.children.length;
    let next = cursor;
    do { // an answer may hold few groups or none and yet not be the last
      const query = new URLSearchParams({ kind, limit: PART, ...next && { cursor: next } });
      const found = await patiently(() => get(`/v1/duplicates?${query}`, { signal }), { signal, onwait });
      for (const group of found.groups) {
        if (marked(group)) shown.hidden.push(group);
        else groups.append(card(group, writable));
      }
      next = found.next;
      shown.looked += found.looked_at;
      waiting.textContent = `Looked at ${count(shown.looked, 'picture')} of ${total.toLocaleString('en')} …`;
      bar.value = Math.min(1, shown.looked / total);
      showHidden(writable);
    } while (next && groups.children.length < before + PART / 2);
    foot.replaceChildren(...next ? [button('Show more', () => load(next), { kind: 'secondary' })] : []);
    if (!groups.children.length) groups.append(nothing());
    announce(count(groups.querySelectorAll('.group').length, 'group'));
  } catch (problem) {
    if (aborted(problem)) return;
    const { title, text } = explain(problem);
    foot.replaceChildren(el('div', { class: 'state' }, el('h2', {}, title), el('p', {}, text),
      el('div', { class: 'row' }, button('Try again', () => load(cursor), { kind: 'primary', picture: 'again' }))));
  }
}

const nothing = () => el('div', { class: 'state' }, el('h2', {}, 'No duplicates of this kind'),
  el('p', {}, shown.hidden.length ? 'Beside those that you marked as none.' : 'Every picture of the gallery stands alone.'));

function showHidden(writable) {
  const { hidden, hiding, groups } = shown;
  hiding.hidden = !hidden.length;
  hiding.replaceChildren(el('span', {}, `${count(hidden.length, 'group')} that you marked as no duplicates ${hidden.length === 1 ? 'is' : 'are'} left out. The marks are kept in this browser only.`),
    button('Show again', () => {
      hidden.forEach((group) => mark(group, false));
      groups.querySelector('.state')?.remove();
      groups.prepend(...hidden.splice(0).map((group) => card(group, writable)));
      showHidden(writable);
    }));
}

function card(group, writable) {
  const keep = new Set([group.keeper]);
  const removal = button('', () => removeOthers(group, keep, element), { kind: 'danger', picture: 'bin' });
  const tellRemoval = () => {
    const others = group.images.length - keep.size;
    removal.lastChild.textContent = others ? `Delete the ${others === 1 ? 'other' : `other ${others}`} …` : 'All are kept';
    removal.disabled = !others || !keep.size;
    if (!keep.size) removal.lastChild.textContent = 'Keep at least one';
  };
  removal.append(el('span'));
  const members = group.images.map((image) => member(image, group, keep, writable && tellRemoval));
  const element = el('article', { class: 'group', 'aria-label': `${group.images.length} pictures` },
    el('header', {}, el('h2', {}, count(group.images.length, 'picture')),
      el('div', { class: 'row' }, writable && removal,
        button('Not duplicates', () => leaveOut(group, element, writable), { picture: 'close' }))),
    el('ul', { class: 'members' }, members));
  tellRemoval();
  return element;
}

function member(image, group, keep, onkeep) {
  const { id, name, width, height, format, bytes, links } = image;
  const toggle = el('button', { type: 'button', class: 'chip', onclick: () => {
    if (!keep.delete(id)) keep.add(id);
    show();
  } });
  const element = el('li', {}, el('button', { type: 'button', class: 'picture', onclick: () => compareWith(image, group) },
    showIn(el('img', { alt: name, width: 320, height: 320 }), safe(links.thumbnail)), el('span', { class: 'unseen' }, ', compare')),
  el('p', { class: 'name', title: name }, said(name)),
  el('p', { class: 'soft' }, `${width} × ${height}, ${format}, ${size(bytes)}`),
  el('p', { class: 'soft' }, id === group.keeper ? 'Proposed to keep' : matched(image)),
  onkeep && toggle);
  function show() {
    const kept = keep.has(id);
    element.classList.toggle('kept', kept);
    toggle.setAttribute('aria-pressed', String(kept));
    toggle.replaceChildren(...kept ? [icon('check')] : [], el('span', {}, 'Keep', el('span', { class: 'unseen' }, ` ${name}`)));
    if (onkeep) onkeep();
  }
  show();
  return element;
}

const matched = (image) => ({
  'same-bytes': 'Same file',
  'same-picture': `Same picture${image.distance === undefined || image.distance === null ? '' : `, ${image.distance} of 64 bits apart`}`,
  lookalike: `Looks alike, ${percent(image.similarity ?? 0)}`,
}[image.matched]);

async function compareWith(image, group) {
  const beside = image.id === group.keeper ? group.images.find(({ id }) => id !== image.id) : group.images.find(({ id }) => id === group.keeper);
  (await import('./compare.js')).compare(image, beside);
}

function leaveOut(group, element, writable) {
  mark(group);
  shown.hidden.push(group);
  const next = element.nextElementSibling ?? element.previousElementSibling;
  element.remove();
  showHidden(writable);
  if (!shown.groups.children.length) shown.groups.append(nothing());
  (next ?? shown.hiding).querySelector('button').focus();
}

async function removeOthers(group, keep, element) {
  const gone = group.images.filter(({ id }) => !keep.has(id));
  const list = el('ul', { class: 'sure' }, gone.map(({ name, links }) =>
    el('li', {}, showIn(el('img', { alt: '', width: 64, height: 64 }), safe(links.thumbnail)), said(name))));
  const words = [el('p', {}, 'These and their originals will be gone for good. The others stay.'), list];
  if (!await confirm(`Delete ${count(gone.length, 'picture')}?`, words, 'Delete')) return;
  try {
    const ids = gone.map(({ id }) => id);
    for (let left = 1; left;) left = (await post('/v1/images/delete', { ids })).remaining;
  } catch (problem) {
    const { title, text } = explain(problem);
    return note(`${title}. ${text}`);
  }
  forget();
  const next = element.nextElementSibling ?? element.previousElementSibling;
  element.remove();
  note(`${count(gone.length, 'picture')} deleted.`);
  next?.querySelector('button').focus();
  if (!shown.groups.children.length) shown.groups.append(nothing());
}
