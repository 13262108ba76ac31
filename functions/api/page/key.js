// The key of this gallery: asked for when the server wants one, kept for this tab only.

import { el } from './dom.js';
import { open } from './dialogs.js';

const PLACE = 'lookalike-key';
export const keys = new EventTarget(); // "change" when another key is used

export const key = () => sessionStorage.getItem(PLACE);

export function use(value) {
  if (value) sessionStorage.setItem(PLACE, value);
  else sessionStorage.removeItem(PLACE);
  keys.dispatchEvent(new Event('change'));
}

let asking = null;

// Ask once, however many calls wait for it; true when a key was entered.
export function ask(why) {
  asking ??= show(why).finally(() => { asking = null; });
  return asking;
}

function show(why) {
  return new Promise((resolve) => {
    const field = el('input', {
      type: 'password', name: 'key', autocomplete: 'off', spellcheck: 'false', required: true,
      id: 'key-field', 'aria-describedby': 'key-why',
    });
    let entered = false;
    const dialog = open('A key, please', [
      el('p', { id: 'key-why' }, why),
      el('form', {
        onsubmit: (event) => {
          event.preventDefault();
          entered = true;
          use(field.value.trim());
          dialog.close();
        },
      },
      el('label', { for: 'key-field' }, 'Key of this gallery'),
      field,
      el('p', { class: 'soft' }, 'Kept for this tab only, sent to this gallery only, never put into the address.'),
      el('div', { class: 'row end' },
        el('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, 'Not now'),
        el('button', { class: 'primary' }, 'Use this key'))),
    ], { onclose: () => resolve(entered) });
    field.focus();
  });
}
