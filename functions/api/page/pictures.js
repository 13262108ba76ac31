// Pictures that only this page has: kept by number, shrunk before they are sent.

import { limits } from './gallery.js';
import { Problem } from './api.js';

// The gallery looks at no more than about 370 pixels of the short side (docs: model/card.json), so
// this many give the same answer; a smaller file is sent as it is.
const SHORT_SIDE = 640;
const QUALITY = 0.9;
const SENT_AS_IT_IS = 250_000;

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
  if (!part && bytes <= Math.min(SENT_AS_IT_IS, most)) return picture.file;
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

async function shrunk(bitmap, part) {
  const cut = part ?? { x: 0, y: 0, width: 1, height: 1 };
  const [x, y] = [cut.x * bitmap.width, cut.y * bitmap.height];
  const [width, height] = [cut.width * bitmap.width, cut.height * bitmap.height];
  const scale = Math.min(1, SHORT_SIDE / Math.min(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const page = canvas.getContext('2d');
  page.fillStyle = '#fff'; // what is transparent is white, as in the gallery
  page.fillRect(0, 0, canvas.width, canvas.height);
  page.imageSmoothingQuality = 'high';
  page.drawImage(bitmap, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
}

export async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
