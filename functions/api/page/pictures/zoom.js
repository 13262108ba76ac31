// Zooms and moves what a stage shows: by pinch, wheel, double click and buttons; and tells swipes.
// The stage gets --scale, --x and --y, which its style sheet applies. Depends on no module.

const MOST = 8;
const SWIPE_PX = 50; // less is a tap that slipped
const STEP_PX = 80; // by the keyboard

/** @typedef {{ x: number, y: number }} Point */

/**
 * @param {HTMLElement} stage
 * @param {{ onswipe: (forward: number) => void, ondown: () => void }} gestures - forward is 1 or -1
 */
export function zoomable(stage, { onswipe, ondown }) {
	let scale = 1;
	/** @type {Point} */
	let at = { x: 0, y: 0 };
	/** @type {Map<number, Point>} */
	const pointers = new Map();
	/** @type {Point} */
	let start = { x: 0, y: 0 };
	let pinched = false;

	function apply() {
		const { width, height } = frame();
		const most = { x: ((scale - 1) * width) / 2, y: ((scale - 1) * height) / 2 };
		at.x = Math.max(-most.x, Math.min(most.x, at.x));
		at.y = Math.max(-most.y, Math.min(most.y, at.y));
		stage.style.setProperty('--scale', String(scale));
		stage.style.setProperty('--x', `${at.x}px`);
		stage.style.setProperty('--y', `${at.y}px`);
		stage.classList.toggle('zoomed', scale > 1);
	}

	// Of the picture under the point: two that are compared lie next to each other.
	function frame(/** @type {Point | null} */ point = null) {
		const boxes = [...stage.querySelectorAll('figure')].map((each) => each.getBoundingClientRect());
		const under = boxes.find(
			({ left, right, top, bottom }) =>
				point && point.x >= left && point.x < right && point.y >= top && point.y < bottom,
		);
		return under ?? boxes[0];
	}

	// The point of the picture under `point` stays there.
	function zoom(/** @type {number} */ factor, /** @type {Point | null} */ point = null) {
		const next = Math.max(1, Math.min(MOST, scale * factor));
		const { left, top, width, height } = frame(point);
		const from = point
			? { x: point.x - left - width / 2, y: point.y - top - height / 2 }
			: { x: 0, y: 0 };
		at = {
			x: from.x - ((from.x - at.x) * next) / scale,
			y: from.y - ((from.y - at.y) * next) / scale,
		};
		scale = next;
		apply();
	}

	function move(/** @type {number} */ x, /** @type {number} */ y) {
		at = { x: at.x + x, y: at.y + y };
		apply();
	}

	function reset() {
		scale = 1;
		apply();
	}

	function pinch(/** @type {number} */ id, /** @type {Point} */ to) {
		const from = pointers.get(id) ?? to;
		const [other] = [...pointers].filter(([each]) => each !== id).map(([, point]) => point);
		const distance = (/** @type {Point} */ { x, y }) => Math.hypot(x - other.x, y - other.y);
		zoom(distance(to) / Math.max(1, distance(from)), {
			x: (to.x + other.x) / 2,
			y: (to.y + other.y) / 2,
		});
		move((to.x - from.x) / 2, (to.y - from.y) / 2);
	}

	stage.addEventListener('pointerdown', (event) => {
		if (/** @type {Element} */ (event.target).closest('button, input') || event.button) return;
		stage.setPointerCapture(event.pointerId);
		start = { x: event.clientX, y: event.clientY };
		pinched = pointers.size > 0;
		pointers.set(event.pointerId, start);
	});
	stage.addEventListener('pointermove', (event) => {
		const from = pointers.get(event.pointerId);
		if (!from) return;
		const to = { x: event.clientX, y: event.clientY };
		if (pointers.size > 1) pinch(event.pointerId, to);
		else if (scale > 1) move(to.x - from.x, to.y - from.y);
		else if (event.pointerType !== 'mouse' && !pinched) slide(to.x - start.x);
		pointers.set(event.pointerId, to);
	});
	const slide = (/** @type {number} */ x) => stage.style.setProperty('--x', `${x}px`);
	const onend = (/** @type {PointerEvent} */ event) => {
		if (!pointers.delete(event.pointerId) || pointers.size || scale > 1) return;
		slide(0);
		if (event.type === 'pointercancel' || event.pointerType === 'mouse' || pinched) return;
		const x = event.clientX - start.x;
		const y = event.clientY - start.y;
		const forward = getComputedStyle(stage).direction === 'rtl' ? x : -x;
		if (Math.abs(x) > SWIPE_PX && Math.abs(x) > Math.abs(y)) onswipe(Math.sign(forward));
		else if (y > 2 * SWIPE_PX && y > 2 * Math.abs(x)) ondown();
	};
	stage.addEventListener('pointerup', onend);
	stage.addEventListener('pointercancel', onend);
	stage.addEventListener(
		'wheel',
		(event) => {
			event.preventDefault();
			zoom(Math.exp(-event.deltaY / 300), { x: event.clientX, y: event.clientY });
		},
		{ passive: false },
	);
	stage.addEventListener('dblclick', (event) => {
		if (/** @type {Element} */ (event.target).closest('button, input')) return;
		if (scale > 1) reset();
		else zoom(3, { x: event.clientX, y: event.clientY });
	});
	apply();
	return {
		zoom,
		reset,
		pan: (/** @type {number} */ x, /** @type {number} */ y) => move(x * STEP_PX, y * STEP_PX),
	};
}
