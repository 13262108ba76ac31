// Tells what a search is doing, how far it is, and lets it be cancelled.

import { announce, button, el } from './dom.js';

const WORDS = { preparing: 'Preparing', uploading: 'Uploading', searching: 'Searching' };

export function stagesOf(names, cancel) {
  const steps = new Map(names.map((name) => [name, el('li', {}, WORDS[name])]));
  const bar = el('progress', { max: 1, 'aria-label': 'Search' });
  const more = el('p', { class: 'soft' });
  const element = el('div', { class: 'stages' },
    el('ol', {}, [...steps.values()]), bar, more,
    button('Cancel', cancel, { picture: 'close' }));

  function at(stage) {
    announce(WORDS[stage]);
    bar.removeAttribute('value'); // how long it will take is not known
    let past = true;
    for (const [name, step] of steps) {
      if (name === stage) past = false;
      step.className = past ? 'past' : '';
      if (name === stage) step.setAttribute('aria-current', 'step');
      else step.removeAttribute('aria-current');
    }
  }

  // The part of the picture that has left, as the browser counts it.
  function sent(part) {
    bar.value = part;
    steps.get('uploading').textContent = `${WORDS.uploading} ${Math.floor(part * 100)} %`;
    if (part === 1) at('searching');
  }

  const say = (text) => { more.textContent = text; announce(text); };
  return { element, at, sent, say };
}
