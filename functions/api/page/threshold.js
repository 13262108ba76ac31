// The slider that hides what is not alike enough, with a live count.

import { el } from './dom.js';

// `onslide` hears every move, `onset` where it was left.
export function threshold(start, onslide, onset) {
  const least = el('output', { for: 'least' });
  const shown = el('p', { class: 'soft shown', 'aria-live': 'polite' });
  const slider = el('input', { type: 'range', id: 'least', min: 0, max: 100, step: 1 });
  slider.addEventListener('input', () => { tell(); onslide(slider.valueAsNumber); });
  slider.addEventListener('change', () => onset(slider.valueAsNumber));
  const element = el('div', { class: 'threshold' },
    el('label', { for: 'least' }, 'At least ', least, ' alike'), slider, shown);

  function tell() {
    least.textContent = `${slider.value} %`;
    slider.setAttribute('aria-valuetext', `${slider.value} percent`);
    slider.style.setProperty('--at', slider.value / 100);
  }

  function set(value) {
    slider.value = value;
    tell();
  }

  set(start);
  function count(alike, all, folded, more) {
    const copies = folded ? `, ${folded} ${folded === 1 ? 'copy' : 'copies'} folded` : '';
    const behind = more && alike + folded === all ? ', there are more' : '';
    shown.textContent = `${alike} of ${all} shown${copies}${behind}`;
  }

  return { element, set, count };
}
