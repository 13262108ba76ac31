// Groups that somebody said are no duplicates: remembered by this browser only.

const PLACE = 'lookalike-not-duplicates';
const MOST = 5000;

const nameOf = (group) => group.images.map(({ id }) => id).sort().join(' ');

function marks() {
  try {
    return new Set(JSON.parse(localStorage.getItem(PLACE)) ?? []);
  } catch {
    return new Set();
  }
}

export const marked = (group) => marks().has(nameOf(group));

export function mark(group, on = true) {
  const all = marks();
  if (on) all.add(nameOf(group));
  else all.delete(nameOf(group));
  localStorage.setItem(PLACE, JSON.stringify([...all].slice(-MOST)));
}
