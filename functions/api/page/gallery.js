// What the page knows of the gallery that it belongs to: its limits and what this key may do.

import { get } from './api.js';
import { keys } from './key.js';

let asked = null;
keys.addEventListener('change', () => { asked = null; });

export function limits(more) {
  asked ??= get('/v1/limits', more).catch((problem) => { asked = null; throw problem; });
  return asked;
}

export async function may(scope) {
  const order = ['read', 'write', 'admin'];
  return order.indexOf((await limits()).scope) >= order.indexOf(scope);
}

// An address from the API that is safe to lead to.
export function safe(link) {
  const url = new URL(link, location.origin);
  return ['http:', 'https:'].includes(url.protocol) ? url.href : '#';
}

export const isOurs = (link) => new URL(link, location.origin).origin === location.origin;
