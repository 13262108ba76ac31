// Shows what a search found, what it is doing, or why it found nothing.

import { learnScope } from './actions.js';
import { aborted, get } from './api.js';
import { announce, button, el } from './dom.js';
import { foldedUnder } from './copies.js';
import { chipsFor, learn } from './filters.js';
import { limits, may } from './gallery.js';
import { ask } from './key.js';
import { know } from './query.js';
import { answered, cancel, question, search } from './search.js';
import { stagesOf } from './stages.js';
import { begin, go, now, show } from './state.js';
import { threshold } from './threshold.js';
import { badge, tile } from './tile.js';
import { count, explain } from './words.js';

const place = document.querySelector('#answer');
const BEST = 8; // shown greyed when nothing reaches the threshold
const SILENT = { at() {}, sent() {}, say() {} };
let shown = null; // the question whose answer stands here
let view = null;

// Show the answer to the state: from memory, by hiding and showing, or by a new search.
export async function answer(state) {
  const asked = question(state);
  if (asked === shown && view) return view.reach(state.min);
  const known = answered(state);
  if (known) {
    cancel();
    return render(state, known);
  }
  shown = asked;
  view = null;
  await run(state);
}

export function leave() {
  cancel();
  shown = view = null;
}

async function run(state) {
  const stages = stagesOf(state.upload ? ['preparing', 'uploading', 'searching'] : ['searching'], cancel);
  const waiting = el('ol', { class: 'grid', 'aria-hidden': 'true' }, Array.from({ length: 12 }, () => el('li', { class: 'tile waiting' }, el('div', { class: 'picture' }))));
  place.replaceChildren(stages.element, waiting);
  const asked = question(state);
  try {
    const found = await search(state, stages);
    if (question(now) === asked) render(now, found);
  } catch (problem) {
    if (question(now) !== asked) return;
    if (aborted(problem)) tell({ title: 'Cancelled', text: 'Nothing was searched for.' }, [button('Search again', () => run(now), { kind: 'primary' })]);
    else await fail(problem);
  }
}

async function fail(problem) {
  const formats = problem.code === 'unsupported-format' ? (await limits().catch(() => ({}))).formats : [];
  const { title, text, again } = explain(problem, formats);
  const ways = [];
  if (problem.code === 'key-missing' || problem.code === 'key-refused') {
    ways.push(button('Enter a key', async () => { if (await ask(text)) run(now); }, { kind: 'primary' }));
  } else if (again && problem.code !== 'not-kept') {
    ways.push(button('Try again', () => run(now), { kind: 'primary', picture: 'again' }));
  }
  ways.push(button('Another picture', () => begin()));
  tell({ title, text }, ways);
  if (problem.code === 'offline') {
    addEventListener('online', () => { if (shown === question(now) && !view) run(now); }, { once: true });
  }
}

function card({ title, text }, ways = []) {
  return el('div', { class: 'state' }, el('h1', {}, title), el('p', {}, text), el('div', { class: 'row' }, ways));
}

function tell(words, ways) {
  place.replaceChildren(card(words, ways));
  announce(`${words.title}. ${words.text}`);
}

async function render(state, found) {
  shown = question(state);
  await learnScope();
  know(found.results);
  learn(state, found.results);
  if (!found.results.length) return nothing(state);
  const head = el('h1', { tabindex: '-1' });
  const grid = el('ol', { class: 'grid' });
  const none = el('p', { class: 'notice', hidden: true });
  const more = el('div', { class: 'row foot' });
  const limit = threshold(state.min, (min) => view?.reach(min, true), (min) => go({ min }));
  const tiles = found.results.map((result) => tile(result));
  grid.append(...tiles);
  const opened = new Set(); // places of tiles whose copies are shown
  let under = foldedUnder(found.results);
  view = { reach };
  place.replaceChildren(head, limit.element, await chipsFor(state), none, grid, more);
  reach(state.min);
  if (document.activeElement === document.body) head.focus({ preventScroll: true });
  announce(`${count(found.results.length, 'lookalike')} found`);

  // Hide what is below the threshold; if that is all, show the best of it, greyed.
  function reach(min, sliding = false) {
    const alike = found.results.filter((result) => result.similarity * 100 >= min - 0.0001).length;
    const last = alike || BEST;
    let folded = 0;
    tiles.forEach((each, i) => {
      const away = !state.copies && under[i] >= 0 && !opened.has(under[i]);
      if (away && i < last) folded += 1;
      each.hidden = away || i >= last;
      each.classList.toggle('below', !alike);
      const copies = state.copies ? 0 : under.filter((leader, j) => leader === i && j < last).length;
      badge(each, copies, opened.has(i), () => unfold(i));
    });
    head.textContent = alike ? 'Lookalikes' : 'Nothing that alike';
    limit.count(alike - (alike && folded), found.results.length, folded, Boolean(found.next));
    if (!sliding) limit.set(min);
    none.hidden = alike > 0;
    none.replaceChildren(el('span', {}, `Nothing reaches ${min} %. These are the nearest below it.`),
      button('Show all', () => go({ min: 0 })));
    const behind = found.next && alike === found.results.length;
    more.replaceChildren(...behind ? [button('Show more', onMore, { kind: 'secondary' })] : []);
  }

  function unfold(i) {
    if (!opened.delete(i)) opened.add(i);
    reach(now.min);
    tiles[i].querySelector('.badge').focus({ preventScroll: true });
  }

  async function onMore(event) {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    pressed.textContent = 'Searching …';
    try {
      const before = found.results.length;
      found = await search(state, SILENT, found.next);
      know(found.results);
      learn(state, found.results);
      const added = found.results.slice(before).map((result) => tile(result));
      tiles.push(...added);
      under = foldedUnder(found.results);
      grid.append(...added);
      reach(now.min);
      added[0]?.querySelector('button').focus({ preventScroll: true });
    } catch (problem) {
      if (aborted(problem)) return;
      const { title } = explain(problem);
      more.replaceChildren(el('span', {}, `${title}.`), button('Try again', onMore, { kind: 'secondary' }));
    }
  }
}

// Tell an empty gallery from filters, or an upload, that leave nothing.
async function nothing(state) {
  view = { reach() {} };
  if (state.filter.length) {
    const words = { title: 'Nothing fits these filters', text: 'Some picture may look alike without them.' };
    tell(words, [button('Remove all filters', () => go({ filter: [] }), { kind: 'primary' })]);
    place.prepend(await chipsFor(state));
    return;
  }
  const { images } = await get('/v1/stats').catch(() => ({ images: 0 }));
  if (images) return tell({ title: 'Nothing else is in the gallery', text: 'This is the only picture.' }, []);
  const ways = await may('write').catch(() => false) ? [button('Add pictures', () => show('add'), { kind: 'primary' })] : [];
  tell({ title: 'This gallery is empty', text: 'Once there are pictures in it, their lookalikes are found here.' }, ways);
}
