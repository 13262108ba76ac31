// A menu next to a button: arrow keys move in it, Escape closes it, focus returns.
// Loaded when used. Depends on dom.

import { el, icon } from './dom.js';

export function openMenu(/** @type {HTMLElement} */ opener, /** @type {Action[]} */ actions) {
	const items = actions.map(({ label, icon: iconName, danger, run }) =>
		el(
			'button',
			{
				type: 'button',
				role: 'menuitem',
				tabindex: '-1',
				class: danger ? 'danger' : '',
				onclick: () => {
					menu.hidePopover();
					run();
				},
			},
			icon(iconName),
			el('span', {}, label),
		),
	);
	const label = opener.getAttribute('aria-label');
	const menu = el(
		'div',
		{ class: 'menu', role: 'menu', popover: 'auto', 'aria-label': label },
		items,
	);
	menu.addEventListener('toggle', (event) => {
		if (event.newState !== 'closed') return;
		menu.remove();
		if (document.activeElement === document.body) opener.focus({ preventScroll: true });
	});
	menu.addEventListener('keydown', (event) => {
		const here = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
		const moves = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 };
		if (event.key === 'Tab') menu.hidePopover();
		if (!(event.key in moves)) return;
		event.preventDefault();
		items.at(moves[/** @type {keyof moves} */ (event.key)] % items.length)?.focus();
	});
	opener.after(menu); // so that it goes when its opener does
	menu.showPopover({ source: opener }); // which the style sheet places it next to
	items[0].focus({ preventScroll: true });
}
