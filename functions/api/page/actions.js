// What can be done with a found picture: on its tile, in its menu and beside its details.

import { erase } from './api.js';
import { announce, el, said } from './dom.js';
import { confirm, note } from './dialogs.js';
import { isOurs, may, safe } from './gallery.js';
import { key } from './key.js';
import { copy, linkTo } from './links.js';
import { forget } from './search.js';
import { begin, go, now } from './state.js';
import { blobOf, showIn } from './thumbs.js';
import { explain } from './words.js';

let erasable = false; // with the key in use, once that is known
export async function learnScope() {
  erasable = await may('write').catch(() => false);
}

const toTop = (query) => { begin(query); scrollTo({ top: 0 }); };

// `element` is the tile, which leaves the page when its picture is deleted.
export function actions(result, element) {
  const { id, name } = result;
  return [
    { kind: 'like', label: 'More like this', picture: 'like', run: () => toTop({ id }) },
    { kind: 'more', label: 'Also like this', picture: 'plus', run: () => example('more', 'less', result) },
    { kind: 'less', label: 'Less like this', picture: 'minus', run: () => example('less', 'more', result) },
    { kind: 'compare', label: 'Compare side by side', picture: 'compare', run: async () => (await import('./compare.js')).compare(result) },
    { kind: 'details', label: 'Details', picture: 'info', run: async () => (await import('./details.js')).details(result, element) },
    { kind: 'open', label: 'Open original', picture: 'open', run: () => openOriginal(result) },
    { kind: 'link', label: 'Copy link', picture: 'link', run: () => copy(linkTo({ id })) },
    ...erasable ? [{ kind: 'bin', label: 'Delete …', picture: 'bin', danger: true, run: () => remove(id, name, result, element) }] : [],
  ];
}

function example(side, other, { id, name }) {
  go({
    [side]: [...now[side].filter((each) => each !== id), id],
    [other]: now[other].filter((each) => each !== id),
    part: null, // a part belongs to a single example
  });
  announce(`Searching for ${side} like ${name}`);
}

async function openOriginal({ links }) {
  const link = safe(links.original);
  if (!key() || !isOurs(link)) return open(link, '_blank', 'noopener');
  const tab = open('', '_blank'); // now, while the browser knows that a person asked for it
  try {
    const blob = await blobOf(link);
    if (tab) tab.location.replace(blob);
  } catch (problem) {
    tab?.close();
    note(explain(problem).title);
  }
}

async function remove(id, name, { links }, element) {
  const sure = [el('div', { class: 'sure' }, showIn(el('img', { alt: '', width: 96, height: 96 }), safe(links.thumbnail)),
    el('p', {}, said(name), ' and its original will be gone for good.'))];
  if (!await confirm('Delete this picture?', sure, 'Delete')) return;
  try {
    await erase(`/v1/images/${encodeURIComponent(id)}`);
  } catch (problem) {
    if (problem.code !== 'image-not-found') return note(`${explain(problem).title}. ${explain(problem).text}`);
  }
  forget();
  const next = element?.nextElementSibling ?? element?.previousElementSibling;
  element?.remove();
  next?.querySelector('button').focus({ preventScroll: true });
  note('Deleted.');
}
