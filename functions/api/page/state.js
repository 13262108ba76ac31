// What the page shows, and its address. Back and Forward walk through it, a link brings it back.

export const START = {
  view: 'search', // or add, duplicates
  id: null, // of the stored image that is searched with
  url: null, // of a picture elsewhere
  upload: null, // number of a picture that only this page has; in no address
  part: null, // {x, y, width, height} of the query, in fractions
  more: [], // ids to be like as well
  less: [], // ids not to be like
  filter: [], // [field, value] pairs; a range is "low..high"
  copies: false, // whether copies of one picture are shown one by one
  min: 0, // least similarity, in percent
  kind: 'same-picture', // of duplicates
};
const LISTS = ['more', 'less'];

export const changes = new EventTarget();
export let now = { ...START };

export function read() {
  const asked = new URLSearchParams(location.search);
  const state = { ...START, upload: history.state?.upload ?? null };
  for (const name of ['view', 'id', 'url', 'kind']) state[name] = asked.get(name) ?? START[name];
  for (const name of LISTS) state[name] = asked.get(name)?.split(',').filter(Boolean) ?? [];
  state.min = Math.min(100, Math.max(0, Math.round(Number(asked.get('min'))) || 0));
  state.copies = asked.has('copies');
  state.filter = asked.getAll('filter').filter((pair) => pair.includes(':')).map(parted);
  const [x, y, width, height] = (asked.get('part') ?? '').split(',').map(Number);
  if (width > 0 && height > 0 && x >= 0 && y >= 0 && x + width <= 1.0001 && y + height <= 1.0001) {
    state.part = { x, y, width, height };
  }
  now = state;
  return state;
}

function parted(pair) {
  const at = pair.indexOf(':');
  return [pair.slice(0, at), pair.slice(at + 1)];
}

export function address(state) {
  const asked = new URLSearchParams();
  for (const name of ['view', 'id', 'url']) {
    if (state[name] && state[name] !== START[name]) asked.set(name, state[name]);
  }
  if (state.view === 'duplicates' && state.kind !== START.kind) asked.set('kind', state.kind);
  if (state.part) {
    const { x, y, width, height } = state.part;
    asked.set('part', [x, y, width, height].map((n) => +n.toFixed(4)).join(','));
  }
  for (const name of LISTS) if (state[name].length) asked.set(name, state[name].join(','));
  for (const [field, value] of state.filter) asked.append('filter', `${field}:${value}`);
  if (state.copies) asked.set('copies', '1');
  if (state.min) asked.set('min', state.min);
  const query = asked.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return query ? `/?${query}` : '/';
}

// Change some of the state, as one step that Back undoes.
export function go(change, { replace = false } = {}) {
  now = { ...now, ...change };
  history[replace ? 'replaceState' : 'pushState']({ upload: now.upload }, '', address(now));
  changes.dispatchEvent(new Event('change'));
}

// Begin anew with a query, or with nothing; the filters and the threshold stay.
export const begin = (query = {}) =>
  go({ ...START, filter: now.filter, min: now.min, copies: now.copies, ...query });

export const show = (view) => go({ ...START, view });

export const hasQuery = ({ id, url, upload, more }) => Boolean(id || url || upload || more.length);

export function follow() {
  addEventListener('popstate', () => {
    read();
    changes.dispatchEvent(new Event('change'));
  });
}
