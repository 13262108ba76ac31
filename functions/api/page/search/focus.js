// Keeps the focus where it was while part of the page is drawn again. Depends on no module.

const PARTS = '[data-id], [data-key]';

// What has the focus in `part` has it afterwards too: it is found again by the data-id and data-key
// of itself and of what it is in. If it is gone, the result that took its place gets the focus.
/** @type {(part: HTMLElement, otherwise: HTMLElement, redraw: () => void) => void} */
export function keepFocus(part, otherwise, redraw) {
	const active = document.activeElement;
	if (!active || !part.contains(active)) return redraw();
	const path = pathOf(active, part);
	const place = tiles(part).findIndex((tile) => tile.contains(active));
	redraw();
	if (part.contains(document.activeElement)) return;
	/** @type {HTMLElement | null} */
	const same = path ? part.querySelector(path) : null;
	const all = tiles(part);
	const successor = place < 0 ? null : (all[place] ?? all.at(-1))?.querySelector('.picture');
	const target = same ?? /** @type {HTMLElement | null} */ (successor) ?? otherwise;
	target.focus({ preventScroll: true });
}

const tiles = (/** @type {HTMLElement} */ part) => [
	.../** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll('.tile:not([hidden])')),
];

function pathOf(/** @type {Element} */ active, /** @type {Element} */ part) {
	const path = [];
	for (
		let node = active.closest(PARTS);
		node && part.contains(node);
		node = node.parentElement?.closest(PARTS) ?? null
	) {
		for (const name of ['id', 'key']) {
			const value = /** @type {HTMLElement} */ (node).dataset[name];
			if (value) path.unshift(`[data-${name}="${CSS.escape(value)}"]`);
		}
	}
	return path.join(' ');
}
