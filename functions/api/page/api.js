// Calls of the gallery's API. Knows the key and problems; no element.

import { ask, key } from './key.js';

export class Problem extends Error {
  constructor(code, { status = 0, detail = '', wait = 0 } = {}) {
    super(detail || code);
    Object.assign(this, { code, status, detail, wait });
  }

  // It may wake up by itself; the gateway's own answers carry no code of ours.
  get asleep() {
    return ['store-unreachable', 'store-timeout', 'store-busy', 'http-503', 'http-504'].includes(this.code);
  }
}

export const aborted = (problem) => problem?.name === 'AbortError';

export const get = (path, more) => call('GET', path, more);
export const post = (path, json, more) => call('POST', path, { json, ...more });
export const erase = (path, more) => call('DELETE', path, more);

// Send one request. `form` or `json` is what goes out, `onsent` hears the part (0..1) that went.
// A missing key is asked for and the call made again, unless `quiet`.
export async function call(method, path, options = {}) {
  for (;;) {
    try {
      return await send(method, path, options);
    } catch (problem) {
      if (problem.code !== 'key-missing' || options.quiet) throw problem;
      const why = key() ? 'The gallery does not know the key that was used.' : problem.detail;
      if (!await ask(why)) throw problem;
    }
  }
}

function send(method, path, { json, form, signal, onsent, blob, keyless } = {}) {
  return new Promise((resolve, reject) => {
    const stop = () => request.abort();
    const fail = (problem) => { signal?.removeEventListener('abort', stop); reject(problem); };
    if (signal?.aborted) return reject(new DOMException('', 'AbortError'));
    const request = new XMLHttpRequest(); // fetch does not tell how much was sent
    request.open(method, path);
    if (blob) request.responseType = 'blob';
    if (key() && !keyless) request.setRequestHeader('x-api-key', key());
    if (json !== undefined) request.setRequestHeader('content-type', 'application/json');
    if (onsent) request.upload.onprogress = (sent) => onsent(sent.loaded / sent.total);
    request.onabort = () => fail(new DOMException('', 'AbortError'));
    request.onerror = () => fail(new Problem('offline'));
    request.onload = async () => {
      signal?.removeEventListener('abort', stop);
      if (request.status < 300 && blob) return resolve(request.response);
      const said = parsed(blob ? await request.response.text() : request.responseText);
      if (request.status < 300) return resolve(said);
      reject(new Problem(said?.code ?? `http-${request.status}`, {
        status: request.status,
        detail: said?.detail ?? said?.message ?? '',
        wait: Number(request.getResponseHeader('retry-after')) || 0,
      }));
    };
    signal?.addEventListener('abort', stop);
    request.send(json === undefined ? form ?? null : JSON.stringify(json));
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Do a piece of work again while the gallery wakes up; `onwait` hears that it is being waited for.
export async function patiently(work, { signal, onwait, tries = 5 } = {}) {
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (problem) {
      if (!problem.asleep || tried === tries) throw problem;
      onwait?.();
      await pause(Math.max(problem.wait, 2 ** tried) * 1000, signal);
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(new DOMException('', 'AbortError')); };
    const timer = setTimeout(() => { signal?.removeEventListener('abort', stop); resolve(); }, ms);
    signal?.addEventListener('abort', stop);
  });
}
