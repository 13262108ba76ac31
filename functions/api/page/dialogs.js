// Dialogs and short notes, one look for all. Knows nothing of pictures.

import { $, button, el } from './dom.js';

let count = 0;

// Open a dialog over the page; Escape and a press beside it close it.
export function open(title, content, { kind = '', onclose } = {}) {
  const id = `dialog-${++count}`;
  const dialog = el('dialog', { class: kind, 'aria-labelledby': id },
    el('header', {},
      el('h2', { id }, title),
      button('', () => dialog.close(), { kind: 'bare', picture: 'close', label: 'Close' })),
    el('div', { class: 'body' }, content));
  dialog.addEventListener('close', () => {
    dialog.remove();
    onclose?.();
  });
  dialog.addEventListener('mousedown', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// Ask before something that cannot be undone; true if it was confirmed.
export function confirm(title, content, yes) {
  return new Promise((resolve) => {
    let agreed = false;
    const dialog = open(title, [content, el('div', { class: 'row end' },
      button('Cancel', () => dialog.close(), { autofocus: true }),
      button(yes, () => { agreed = true; dialog.close(); }, { kind: 'danger' }))],
    { onclose: () => resolve(agreed) });
  });
}

export function note(text, action) {
  const toast = el('div', { class: 'toast' }, el('span', {}, text), action);
  $('#toasts').append(toast);
  setTimeout(() => toast.remove(), action ? 12_000 : 5_000);
}
