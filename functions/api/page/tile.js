// One found picture: its place, how alike it is in percent and in words, and what can be done.

import { actions } from './actions.js';
import { button, el, said } from './dom.js';
import { safe } from './gallery.js';
import { openMenu } from './menu.js';
import { showIn } from './thumbs.js';
import { BANDS, percent } from './words.js';

export function tile(result) {
  const { name, rank, similarity, band } = result;
  const image = showIn(el('img', { alt: name, width: 320, height: 320 }), safe(result.links.thumbnail));
  const element = el('li', { class: 'tile', 'data-id': result.id });
  const offered = actions(result, element);
  const run = (kind) => () => offered.find((action) => action.kind === kind).run();
  const quick = ['like', 'more', 'less'].map((kind) => offered.find((action) => action.kind === kind))
    .map(({ label, picture, run: act }) => button('', act, { kind: 'round', picture, label, tabindex: '-1' }));
  element.append(
    el('button', { type: 'button', class: 'picture', onclick: run('details') }, image, el('span', { class: 'unseen' }, ', details')),
    el('span', { class: 'rank', 'aria-hidden': 'true' }, rank),
    el('div', { class: 'quick' }, quick),
    el('div', { class: 'caption' },
      el('p', {}, el('span', { class: 'unseen' }, `Rank ${rank}: `), el('strong', {}, percent(similarity)), bandMark(band)),
      el('p', { class: 'name', title: name }, said(name.slice(name.lastIndexOf('/') + 1))),
      button('', (event) => openMenu(event.currentTarget, offered), { kind: 'bare dots', picture: 'dots', label: `What to do with ${name}`, 'aria-haspopup': 'menu', title: undefined })));
  return element;
}

// Say how many copies are folded under a tile; a press shows or hides them.
export function badge(tile, copies, open, onpress) {
  tile.querySelector('.badge')?.remove();
  if (!copies) return;
  const words = copies === 1 ? '1 copy' : `${copies} copies`;
  tile.append(button(open ? `Fold ${words}` : `+ ${words}`, onpress, { kind: 'badge', 'aria-expanded': String(open) }));
}

export function bandMark(band) {
  if (!BANDS[band]) return null;
  return el('span', { class: 'band', 'data-marks': BANDS[band] },
    el('span', { class: 'marks', 'aria-hidden': 'true' }, [1, 2, 3, 4].map(() => el('i'))), ` ${band}`);
}
