// Copies addresses that bring a search back.

import { open, note } from './dialogs.js';
import { el } from './dom.js';
import { address, START } from './state.js';

export const linkTo = (state) => new URL(address({ ...START, ...state }), location.origin).href;

export const copyLink = () => copy(location.href);

export async function copy(link) {
  try {
    await navigator.clipboard.writeText(link);
    note('Link copied.');
  } catch { // not over plain http, or not allowed
    const field = el('input', { readonly: true, value: link, 'aria-label': 'Link' });
    open('Copy this link', [field]);
    field.select();
  }
}
