// Pictures that only this page has: kept by number, shrunk before they are sent.

import { limits } from './gallery.js';
import { Problem } from './api.js';

// The gallery looks at some 370 pixels of the short side (model/card.json) and itself halves what is
// larger. Halved here, never below twice that, it sees nearly the same: of 50 large pictures among
// 474 others 9.6 of the ten nearest stayed, and those that came were within 0.01 of the tenth.
const SHORT_SIDE = 748;
const QUALITIES = [0.87, 0.75, 0.6]; // the first that is small enough
const SMALL = 400_000; // bytes; a file of fewer is sent as it is

const held = new Map();

// Hold a file; its number is what the state knows it by.
export function hold(file) {
  const number = Date.now() * 100 + held.size % 100;
  held.set(number, { number, file, name: file.name || 'pasted picture', preview: URL.createObjectURL(file) });
  return number;
}

export const holding = (number) => held.get(number);

// Give what is to be sent of a held picture, or of a part of it: cut here, so that the part keeps
// all its detail and is small on the way.
export async function prepared(picture, part, signal) {
  const { max_body_bytes: most } = await limits();
  const bytes = picture.file.size;
  if (!bytes) throw new Problem('empty-picture', { status: 400 });
  if (!part && bytes <= Math.min(SMALL, most)) return picture.file;
  const bitmap = await decoded(picture.file);
  signal?.throwIfAborted();
  if (!bitmap) {
    if (bytes <= most && !part) return picture.file; // HEIC, perhaps: the gallery may know it
    throw new Problem('picture-too-large', { status: 413, detail:
      'This browser cannot open it to make it smaller, and as it is, it is over the limit of ' +
      `${(most / 1e6).toFixed(1)} MB. Save it as JPEG and try again.` });
  }
  const blob = await shrunk(bitmap, part);
  bitmap.close();
  signal?.throwIfAborted();
  return !part && blob.size >= bytes && bytes <= most ? picture.file : blob;
}

// Upright, and without a change of colours, as the gallery itself opens it.
async function decoded(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image', colorSpaceConversion: 'none' });
  } catch {
    return null;
  }
}

// A part on a page half as large, if that is large enough; else as large as it is. Smoothed over
// two by two pixels, which at a half is exactly their mean.
function onPage(source, x, y, width, height) {
  const factor = Math.min(width, height) >= 2 * SHORT_SIDE ? 2 : 1;
  const canvas = new OffscreenCanvas(Math.max(1, Math.ceil(width / factor)), Math.max(1, Math.ceil(height / factor)));
  const page = canvas.getContext('2d');
  page.fillStyle = '#fff'; // what is transparent is white, as in the gallery
  page.fillRect(0, 0, canvas.width, canvas.height);
  page.drawImage(source, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function shrunk(bitmap, part) {
  const cut = part ?? { x: 0, y: 0, width: 1, height: 1 };
  const from = [cut.x * bitmap.width, cut.y * bitmap.height, cut.width * bitmap.width, cut.height * bitmap.height];
  let drawn = onPage(bitmap, ...from);
  while (Math.min(drawn.width, drawn.height) >= 2 * SHORT_SIDE) {
    drawn = onPage(drawn, 0, 0, drawn.width, drawn.height);
  }
  for (const quality of QUALITIES) {
    const blob = await drawn.convertToBlob({ type: 'image/jpeg', quality });
    if (blob.size <= SMALL || quality === QUALITIES.at(-1)) return blob;
  }
}

export async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
