// Makes elements. Whatever comes from people or pictures becomes text here, never markup.

const SVG = 'http://www.w3.org/2000/svg';

// el('button', {class: 'primary', onclick: go}, 'Text', otherNode)
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const $ = (selector, within = document) => within.querySelector(selector);

// A text from outside: in its own direction, so that it cannot turn what stands around it.
export const said = (text, properties = {}) => el('bdi', properties, String(text));

const PATHS = {
  like: 'M4 9.5h9.5V19H4zM9 6.5h11V16h-3',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  dots: 'M5 12h.01M12 12h.01M19 12h.01',
  compare: 'M12 3v18M4 6h5v12H4zM15 6h5v12h-5z',
  info: 'M12 11v6M12 7.5h.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
  open: 'M14 5h5v5M19 5l-8 8M17 14v5H5V7h5',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  bin: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  part: 'M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 9h6v6H9z',
  whole: 'M4 4h16v16H4z',
  key: 'M14 10a4 4 0 1 1-1.2-2.8L20 7v4h-3v3h-3z',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  again: 'M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5',
  folder: 'M3.5 7V18h17V8.5H12L10 6H3.5z',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 9.5h.01',
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  for (const [attribute, value] of [['viewBox', '0 0 24 24'], ['class', 'icon'], ['aria-hidden', 'true']]) {
    svg.setAttribute(attribute, value);
  }
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

// A button of words and perhaps an icon; `label` names one that shows its icon only.
export function button(text, onclick, { kind = 'quiet', picture, label, ...more } = {}) {
  const shown = [picture && icon(picture), text && el('span', {}, text)];
  return el('button', { type: 'button', class: kind, 'aria-label': label, title: label, onclick, ...more }, shown);
}

// Says something to those who listen to the page.
export function announce(text) {
  $('#said').textContent = text;
}
