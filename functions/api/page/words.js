// Numbers and problems in plain words. Knows no element and no call.

export const percent = (similarity) => {
  const rounded = Math.round(similarity * 100);
  return `${rounded === 100 && similarity < 0.9995 ? 99 : rounded} %`; // 100 % is the same only
};

// How many of the four marks a band fills.
export const BANDS = { weak: 1, similar: 2, 'near-duplicate': 3, 'same picture': 4 };

export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export const day = (moment) =>
  new Date(moment).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });

const ASLEEP = {
  title: 'The gallery is asleep',
  text: 'It is there, but the store behind it did not answer yet. Waking up takes up to a minute.',
};

const SAID = {
  offline: {
    title: 'No connection to the gallery',
    text: 'Either this device is offline, or the gallery was stopped. Nothing was lost.',
  },
  'key-missing': {
    title: 'This gallery asks for a key',
    text: 'Whoever runs it hands them out. It is kept for this tab only.',
  },
  'key-refused': {
    title: 'This key may not do that',
    text: 'It is known here, but what you asked for needs one that may do more.',
  },
  'store-unreachable': ASLEEP,
  'store-timeout': ASLEEP,
  'store-busy': ASLEEP,
  'store-full': { title: 'The gallery is full', text: 'There is no room left for more pictures.' },
  'image-not-found': {
    title: 'That picture is not in the gallery any more',
    text: 'It was deleted, or the address is not complete.',
  },
  'unsupported-format': { title: 'That is not a picture this gallery can read' },
  'undecodable-picture': { title: 'That picture is damaged', text: 'Its file cannot be opened.' },
  'empty-picture': { title: 'That file is empty', text: 'There is nothing in it to search with.' },
  'picture-too-large': { title: 'That picture is too large' },
  'url-refused': {
    title: 'This gallery does not fetch pictures from addresses',
    text: 'Save the picture and drop it here instead.',
  },
  'url-unreachable': {
    title: 'Nothing could be fetched from that address',
    text: 'Save the picture and drop it here instead.',
  },
  'not-kept': {
    title: 'This search cannot be shown again',
    text: 'Its picture was never stored, only held by the page until it was closed. Drop it again.',
  },
  'too-many-requests': { title: 'Too many at once', text: 'Wait a moment, then try again.' },
};

// Titles, texts and whether trying again may help; `formats` are those that the gallery reads.
export function explain(problem, formats = []) {
  const known = SAID[problem.code] ?? { title: 'That did not work' };
  let text = known.text ?? problem.detail ?? '';
  if (problem.code === 'unsupported-format' && formats.length) {
    text = `${problem.detail}. It reads ${formats.join(', ')}.`;
  } else if (problem.code === 'key-refused') {
    text = problem.detail;
  }
  return { title: known.title, text, again: problem.status === 0 || problem.status >= 500 };
}
