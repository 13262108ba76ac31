// A menu that opens at a button: arrows walk it, Escape leaves it, focus comes back.

import { el, icon } from './dom.js';

export function openMenu(at, actions) {
  const items = actions.map(({ label, picture, danger, run }) => el('button', {
    type: 'button', role: 'menuitem', tabindex: '-1', class: danger ? 'danger' : '',
    onclick: () => { menu.hidePopover(); run(); },
  }, icon(picture), el('span', {}, label)));
  const menu = el('div', { class: 'menu', role: 'menu', popover: 'auto', 'aria-label': at.getAttribute('aria-label') }, items);
  menu.addEventListener('toggle', (event) => {
    if (event.newState !== 'closed') return;
    menu.remove();
    if (document.activeElement === document.body) at.focus({ preventScroll: true });
  });
  menu.addEventListener('keydown', (event) => {
    const here = items.indexOf(document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Tab') menu.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length).focus();
  });
  document.querySelector('main').append(menu);
  menu.showPopover();
  put(menu, at.getBoundingClientRect());
  items[0].focus({ preventScroll: true });
}

// Below the button or above it, and wholly in view.
function put(menu, { left, right, top, bottom }) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const across = getComputedStyle(menu).direction === 'rtl' ? left : right - width;
  menu.style.left = `${Math.max(8, Math.min(across, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, bottom + height + 8 < innerHeight ? bottom + 4 : top - height - 4)}px`;
}
