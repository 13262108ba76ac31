// A box on a picture to select a region: drawn, moved and resized by mouse, touch or keyboard.
// Loaded when used. Depends on dom, text and words.

import { el } from '../frame/dom.js';
import { percent } from '../words/text.js';
import { words } from '../words/words.js';

const MIN_SIDE = 0.06;
const STEP = 0.02;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @type {(value: number, low: number, high: number) => number} */
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// Put a box into `frame`, which the picture fills. `onChange` gets the region after each change.
/** @type {(frame: HTMLElement, start: Region, onChange: (region: Region) => void) => RegionBox} */
export function regionBox(frame, start, onChange) {
	let region = start;
	let timer = 0;
	const corners = ['nw', 'ne', 'sw', 'se'].map((corner) => el('i', { 'data-corner': corner }));
	const box = el(
		'button',
		{ type: 'button', class: 'box', 'aria-describedby': 'box-help' },
		corners,
	);
	const shade = el('div', { class: 'shade' });
	const help = el('span', { id: 'box-help', class: 'visually-hidden' }, words.search.boxHelp);

	function draw() {
		const { x, y, width, height } = region;
		for (const [side, value] of Object.entries({
			'--x': x,
			'--y': y,
			'--w': width,
			'--h': height,
		})) {
			frame.style.setProperty(side, `${value * 100}%`); // of the picture, so the same in RTL
		}
		const names = words.search.sides;
		const sides = /** @type {const} */ ([
			[names.left, x],
			[names.top, y],
			[names.width, width],
			[names.height, height],
		]);
		const text = sides.map(([side, value]) => `${side} ${percent(value)}`).join(', ');
		box.setAttribute('aria-label', words.search.box(text));
	}

	/** @type {(x: number, y: number, width: number, height: number) => void} */
	function place(x, y, width, height) {
		width = clamp(width, MIN_SIDE, 1);
		height = clamp(height, MIN_SIDE, 1);
		region = { x: clamp(x, 0, 1 - width), y: clamp(y, 0, 1 - height), width, height };
		draw();
	}

	function position(/** @type {PointerEvent} */ { clientX, clientY }) {
		const { left, top, width, height } = frame.getBoundingClientRect();
		return { x: clamp((clientX - left) / width, 0, 1), y: clamp((clientY - top) / height, 0, 1) };
	}

	frame.onpointerdown = (down) => {
		if (down.button !== 0) return;
		down.preventDefault();
		frame.setPointerCapture(down.pointerId);
		const from = position(down);
		const before = region;
		const target = /** @type {HTMLElement} */ (down.target);
		const { corner } = target.dataset;
		const moving = !corner && box.contains(target);
		const anchor = corner
			? {
					x: corner[1] === 'w' ? before.x + before.width : before.x,
					y: corner[0] === 'n' ? before.y + before.height : before.y,
				}
			: from;
		frame.onpointermove = (event) => {
			const to = position(event);
			if (moving) {
				place(before.x + to.x - from.x, before.y + to.y - from.y, before.width, before.height);
				return;
			}
			const x = Math.min(anchor.x, to.x);
			const y = Math.min(anchor.y, to.y);
			place(x, y, Math.abs(anchor.x - to.x), Math.abs(anchor.y - to.y));
		};
		frame.onpointerup = frame.onpointercancel = () => {
			frame.onpointermove = frame.onpointerup = frame.onpointercancel = null;
			box.focus({ preventScroll: true });
			if (region !== before) onChange(region);
		};
	};

	box.addEventListener('keydown', (event) => {
		if (!(event.key in ARROWS)) return;
		const [x, y] = ARROWS[event.key];
		const { width, height } = region;
		event.preventDefault();
		if (event.shiftKey) place(region.x, region.y, width + x * STEP, height + y * STEP);
		else place(region.x + x * STEP, region.y + y * STEP, width, height);
		clearTimeout(timer);
		timer = setTimeout(() => onChange(region), 500);
	});

	draw();
	frame.classList.add('boxed');
	frame.append(shade, box, help);
	return {
		focus: () => box.focus({ preventScroll: true }),
		set(/** @type {Region} */ to) {
			region = to;
			draw();
		},
		remove() {
			clearTimeout(timer);
			frame.onpointerdown = null;
			frame.classList.remove('boxed');
			for (const each of [shade, box, help]) each.remove();
		},
	};
}
