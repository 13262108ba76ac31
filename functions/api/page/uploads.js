// Sends many pictures, several at a time, and knows what became of each. Knows no element.

import { call, patiently, post, Problem } from './api.js';
import { limits } from './gallery.js';
import { explain, size } from './words.js';

const AT_ONCE = 3;
const items = [];
const listeners = new Set();
let busy = 0;

export const onchange = (listener) => listeners.add(listener);
export const all = () => items;

// Queue files: [{file, name}]; without a name the gallery names a picture after its content.
export function send(files, { prefix = '', metadata = {} } = {}) {
  const added = files.map(({ file, name }) => ({
    file, metadata, name: name && (prefix + name).normalize('NFC'), state: 'waiting', detail: '',
  }));
  items.push(...added);
  added.forEach(tell);
  work();
  return added;
}

export function retry(some = items.filter(({ state }) => state === 'failed')) {
  for (const item of some) tell(Object.assign(item, { state: 'waiting', detail: '' }));
  work();
}

export function replace(item) {
  item.overwrite = true;
  retry([item]);
}

export function clear() {
  items.splice(0, items.length, ...items.filter(({ state }) => state === 'waiting' || state === 'sending'));
}

export const counts = () => items.reduce((found, { state }) => ({ ...found, [state]: (found[state] ?? 0) + 1 }), {});
export const working = () => busy > 0;

addEventListener('online', () => retry());
addEventListener('beforeunload', (event) => { if (working()) event.preventDefault(); });

const tell = (item) => listeners.forEach((listener) => listener(item));

async function work() {
  while (busy < AT_ONCE) {
    const item = items.find(({ state }) => state === 'waiting');
    if (!item) return;
    busy += 1;
    tell(Object.assign(item, { state: 'sending', sent: 0 }));
    one(item).finally(() => { busy -= 1; tell(item); work(); });
  }
}

async function one(item) {
  const onwait = () => tell(Object.assign(item, { detail: 'The gallery is waking up …' }));
  try {
    const answer = await patiently(() => put(item), { onwait, tries: 4 });
    Object.assign(item, { state: answer.status, image: answer.image, near: answer.near_duplicates ?? [], detail: '' });
  } catch (problem) {
    const { title, text } = explain(problem, (await limits().catch(() => ({}))).formats);
    const final = problem.status >= 400 && problem.status < 500 && problem.status !== 429 && !problem.code.startsWith('key-');
    item.taken = problem.code === 'name-taken';
    item.state = final ? 'refused' : 'failed';
    item.detail = item.taken ? 'Another picture has this name.' : `${title}. ${text}`.replace('..', '.');
  }
}

async function put(item) {
  const { file, name, metadata, overwrite } = item;
  const onsent = (part) => tell(Object.assign(item, { sent: part }));
  const { max_body_bytes: most, max_bytes: mostAtAll, uploads } = await limits();
  const direct = file.size > most && uploads && file.size <= mostAtAll;
  if (file.size > most && !direct) {
    throw new Problem('picture-too-large', { status: 413, detail:
      `It has ${size(file.size)}; this gallery takes up to ${size(uploads ? mostAtAll : most)}.` });
  }
  if (direct) return putIntoBucket(item, onsent);
  const form = new FormData();
  form.append('image', file, 'picture');
  if (name) form.append('name', name);
  if (Object.keys(metadata).length) form.append('metadata', JSON.stringify(metadata));
  if (overwrite) form.append('overwrite', 'true');
  return call('POST', '/v1/images', { form, onsent });
}

// Past the gateway: straight to the bucket with a signed form, then have it indexed at once.
async function putIntoBucket({ file, name, metadata }, onsent) {
  const key = name ?? `uploads/${crypto.randomUUID()}`;
  const signed = await post('/v1/uploads', { name: key, media_type: file.type || 'application/octet-stream' });
  const form = new FormData();
  for (const [field, value] of Object.entries(signed.fields)) form.append(field, value);
  form.append('file', file);
  await call('POST', signed.url, { form, onsent, keyless: true });
  const added = await post('/v1/images', { key });
  if (!Object.keys(metadata).length) return added;
  const image = await call('PATCH', added.image.links.self, { json: { metadata } });
  return { ...added, image };
}
