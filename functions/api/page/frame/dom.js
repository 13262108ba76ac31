// Creates elements. Text from users and pictures never becomes markup. Depends on drawings.

import { drawing } from './drawings.js';

/**
 * el('button', { class: 'primary', onclick: save }, 'Save', otherNode)
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {Children} children
 */
export function el(tag, attributes = {}, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (value == null || value === false) continue;
		if (typeof value === 'function') {
			node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
		} else node.setAttribute(name, value === true ? '' : String(value));
	}
	const shown = children.flat(2).filter((child) => child != null && child !== false);
	node.append(.../** @type {(Node | string)[]} */ (shown));
	return node;
}

/**
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [within]
 */
export const $ = (selector, within = document) => /** @type {E} */ (within.querySelector(selector));

// Text from outside in its own direction, so that it cannot reverse the text around it.
export const bdi = (/** @type {unknown} */ text) => el('bdi', {}, String(text));

const ICONS = {
	similar: 'M4 9.5h9.5V19H4zM9 6.5h11V16h-3',
	plus: 'M12 5v14M5 12h14',
	minus: 'M5 12h14',
	close: 'M6 6l12 12M18 6L6 18',
	dots: 'M5 12h.01M12 12h.01M19 12h.01',
	compare: 'M12 3v18M4 6h5v12H4zM15 6h5v12h-5z',
	info: 'M12 11v6M12 7.5h.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
	open: 'M14 5h5v5M19 5l-8 8M17 14v5H5V7h5',
	link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
	trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
	select: 'M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 9h6v6H9z',
	key: 'M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 12h9v3.5M17 12v3',
	check: 'M5 12.5l4.5 4.5L19 7.5',
	retry: 'M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5',
	folder: 'M3.5 7V18h17V8.5H12L10 6H3.5z',
	filter: 'M4 7h16M7 12h10M10 17h4',
	camera: 'M4 8h4l1.5-2h5L16 8h4v11H4zM12 16.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
	previous: 'M15 5l-7 7 7 7',
	next: 'M9 5l7 7-7 7',
	picture: 'M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 9.5h.01',
};
/** @typedef {keyof typeof ICONS} IconName */

export function icon(/** @type {IconName} */ name) {
	const [svg, path] = ['svg', 'path'].map((tag) =>
		document.createElementNS('http://www.w3.org/2000/svg', tag),
	);
	svg.setAttribute('viewBox', '0 0 24 24');
	svg.setAttribute('class', 'icon');
	svg.setAttribute('aria-hidden', 'true');
	path.setAttribute('d', ICONS[name]);
	svg.append(path);
	return svg;
}

// A button with text, an icon or both. `label` names a button that only has an icon.
/** @type {(text: string, onclick: OnClick, options?: ButtonOptions) => HTMLButtonElement} */
export function button(text, onclick, { kind = 'quiet', icon: iconName, label, ...more } = {}) {
	return el(
		'button',
		{ type: 'button', class: kind, 'aria-label': label, title: label, onclick, ...more },
		iconName && icon(iconName),
		text && el('span', {}, text),
	);
}

// A drawing and a message in place of content, with buttons for what to do next.
/** @type {(message: ErrorText, buttons: Children, heading?: 'h1' | 'h2') => HTMLElement} */
export const messageCard = ({ title, text, drawing: name = 'pictures' }, buttons, heading = 'h2') =>
	el(
		'div',
		{ class: 'state' },
		drawing(name),
		el(heading, {}, title),
		el('p', {}, text),
		el('div', { class: 'row' }, ...buttons),
	);

// Have screen readers read the text.
export function announce(/** @type {string} */ text) {
	$('#announcer').textContent = text;
}
