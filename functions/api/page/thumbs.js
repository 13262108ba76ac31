// Shows thumbnails. With a key in use an <img> cannot fetch them, so they are fetched for it.

import { call } from './api.js';
import { isOurs } from './gallery.js';
import { key, keys } from './key.js';

const KEPT = 400;
const fetched = new Map(); // address -> address of a blob
const waiting = new WeakMap(); // image -> address

keys.addEventListener('change', () => {
  fetched.forEach((blob) => URL.revokeObjectURL(blob));
  fetched.clear();
});

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    load(target, waiting.get(target));
  }
}, { rootMargin: '400px' });

// Let an <img> show this address once it comes near the view; `broken` marks one that cannot.
export function showIn(image, address) {
  image.decoding = 'async';
  image.onload = () => image.classList.remove('broken');
  image.onerror = () => image.classList.add('broken');
  if (key() && isOurs(address)) {
    waiting.set(image, address);
    seen.observe(image);
  } else {
    image.loading = 'lazy';
    image.src = address;
  }
  return image;
}

async function load(image, address) {
  try {
    image.src = await blobOf(address);
  } catch {
    image.classList.add('broken');
  }
}

// Give the address of a blob with what lies there.
export async function blobOf(address) {
  if (!fetched.has(address)) {
    const blob = await call('GET', address, { blob: true, quiet: true });
    fetched.set(address, URL.createObjectURL(blob));
    const [oldest] = fetched.keys();
    if (fetched.size > KEPT) {
      URL.revokeObjectURL(fetched.get(oldest));
      fetched.delete(oldest);
    }
  }
  return fetched.get(address);
}
