// Two pictures side by side: the one searched with and one that was found.

import { post } from './api.js';
import { el, said } from './dom.js';
import { open } from './dialogs.js';
import { large } from './details.js';
import { base64, holding, prepared } from './pictures.js';
import { imageOf } from './query.js';
import { now } from './state.js';
import { bandMark } from './tile.js';
import { explain, percent } from './words.js';

// `beside` is what it is compared with; without one, what was searched with.
export async function compare(result, beside = null) {
  const told = el('div', { class: 'verdict', role: 'status' }, el('p', {}, 'Comparing …'));
  const left = el('figure', {});
  const right = el('figure', {}, large(result), el('figcaption', {}, said(result.name)));
  const closing = new AbortController();
  open('Side by side', [told, el('div', { class: 'pair' }, left, right)], { kind: 'wide', onclose: () => closing.abort() });
  try {
    const example = await other(left, beside, closing.signal);
    const found = await post('/v1/compare', { a: example, b: { id: result.id } }, { signal: closing.signal });
    told.replaceChildren(...verdict(found));
  } catch (problem) {
    if (closing.signal.aborted) return;
    const { title, text } = explain(problem);
    told.replaceChildren(el('p', {}, `${title}. ${text}`));
  }
}

// Show what was searched with; give it as an example for the API.
async function other(figure, beside, signal) {
  const held = !beside && now.upload && holding(now.upload);
  if (held) {
    figure.append(el('img', { src: held.preview, alt: 'The picture you search with' }), el('figcaption', {}, said(held.name)));
    return { image: await base64(await prepared(held, null, signal)) };
  }
  const image = beside ?? await imageOf(now.id ?? now.more[0]);
  figure.append(large(image), el('figcaption', {}, said(image.name)));
  return { id: image.id };
}

function verdict({ similarity, band, same_bytes, same_picture, hash_distance }) {
  const also = same_bytes ? 'The very same file.'
    : same_picture ? 'The same picture in another file.'
      : hash_distance === undefined || hash_distance === null ? '' : `Their fingerprints differ in ${hash_distance} of 64 bits.`;
  return [el('p', {}, el('strong', {}, percent(similarity)), ' alike', bandMark(band)), el('p', { class: 'soft' }, also)];
}
