// Everything that is known of one picture, and all that can be done with it.

import { actions } from './actions.js';
import { get } from './api.js';
import { button, el, said } from './dom.js';
import { open } from './dialogs.js';
import { isOurs, safe } from './gallery.js';
import { key } from './key.js';
import { blobOf, showIn } from './thumbs.js';
import { bandMark } from './tile.js';
import { day, explain, percent, size } from './words.js';

export async function details(result, element) {
  const { name, links } = result;
  const facts = el('dl', {}, fact('Alike', percent(result.similarity), bandMark(result.band)), fact('Size', `${result.width} × ${result.height} pixels`));
  const own = Object.entries(result.metadata);
  const dialog = open(said(name), [
    el('div', { class: 'large' }, large(result)),
    el('div', { class: 'facts' }, facts,
      own.length > 0 && [el('h3', {}, 'Metadata'), el('dl', {}, own.map(([field, value]) => fact(field, [value].flat().join(', '))))],
      el('div', { class: 'tools' }, actions(result, element).filter(({ kind }) => kind !== 'details').map(({ label, picture, run, danger }) =>
        button(label, () => { dialog.close(); run(); }, { kind: danger ? 'danger' : 'quiet', picture })))),
  ], { kind: 'details' });
  try {
    const image = await get(links.self);
    facts.append(fact('File', `${image.format}, ${size(image.bytes)}`), fact('Added', day(image.added_at)), fact('Id', image.id));
  } catch (problem) {
    facts.append(fact('More', explain(problem).title));
  }
}

const fact = (field, ...values) => el('div', {}, el('dt', {}, said(field)), el('dd', {}, values.map((value) => typeof value === 'string' ? said(value) : value)));

// The original over its thumbnail; the thumbnail stays where the browser cannot show the format.
export function large({ name, links, width, height }) {
  const image = showIn(el('img', { alt: name, width, height }), safe(links.thumbnail));
  const original = new Image();
  const ours = isOurs(links.original);
  original.onload = () => { image.src = original.src; };
  (key() && ours ? blobOf(links.original) : Promise.resolve(safe(links.original)))
    .then((address) => { original.src = address; }, () => {});
  return image;
}
