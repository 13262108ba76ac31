// Pictures one at a time over the whole window: arrows, keys and swipes go through them, with zoom,
// what is known of each, and a comparison with the query. Loaded when used.
// Depends on comparison, dom, facts, full-picture, state, words and zoom.

import { $, announce, bdi, button, el } from '../frame/dom.js';
import { current, stateChanges } from '../frame/state.js';
import { number } from '../words/text.js';
import { words } from '../words/words.js';
import { showOther, verdict } from './comparison.js';
import { factsOf } from './facts.js';
import { fullPicture } from './full-picture.js';
import { zoomable } from './zoom.js';

const WIDE = '(min-width: 860px)';
const ZOOM = 1.5; // by a button or key
const STAY = ['open', 'link', 'delete']; // actions that do not leave the viewer
let withFacts = matchMedia(WIDE).matches; // stays as it was left

/** @type {(item: ViewerItem, neighbours: () => ViewerItem[], options?: ViewerOptions) => void} */
export function openViewer(item, neighbours, options = {}) {
	const viewer = new Viewer(neighbours, options);
	morph(imageOf(item), () => viewer.open(item), viewer.picture);
}

class Viewer {
	/** @type {AbortController} */
	#closing = new AbortController();
	/** @type {ViewerItem | null} */
	#item = null;

	/**
	 * @param {() => ViewerItem[]} neighbours
	 * @param {ViewerOptions} options
	 */
	constructor(neighbours, { comparing = false, other }) {
		this.neighbours = neighbours;
		this.other = other;
		this.canCompare = Boolean(other || current.upload || current.id || current.more.length);
		this.comparing = comparing && this.canCompare;
		this.title = el('h2', { id: 'viewer-title' });
		this.place = el('span', { class: 'place' });
		this.picture = el('figure');
		this.second = el('figure', { class: 'other' });
		this.note = el('p', { class: 'note', hidden: true });
		this.panel = el('aside', { 'aria-label': words.pictures.actions.details });
		const { viewer: text, actions: labels } = words.pictures;
		this.previous = stepButton(text.previous, 'previous', () => this.step(-1));
		this.next = stepButton(text.next, 'next', () => this.step(1));
		this.compareButton = tool('compare', labels.compare, () => this.setComparing(!this.comparing));
		this.factsButton = tool('info', labels.details, () => this.setFacts(!withFacts));
		this.divider = divider((at) => this.stage.style.setProperty('--at', `${at}%`));
		this.compareTools = this.#compareTools();
		this.stage = this.#stage();
		this.zoom = zoomable(this.stage, {
			onswipe: (forward) => this.step(forward),
			ondown: () => this.close(),
		});
		const view = el('div', { class: 'view' }, this.stage, this.compareTools);
		this.dialog = el(
			'dialog',
			{ class: 'viewer', 'aria-labelledby': 'viewer-title' },
			this.#bar(),
			el('div', { class: 'body' }, view, this.panel),
		);
		this.dialog.addEventListener('keydown', (event) => this.#onKey(event));
		this.dialog.addEventListener('close', () => this.#onClose());
		this.setFacts(withFacts);
		this.setMode('beside');
	}

	#stage() {
		const { picture, second, divider, previous, next, note } = this;
		return el('div', { class: 'stage' }, picture, second, divider, previous, next, note);
	}

	#bar() {
		const text = words.pictures.viewer;
		this.compareButton.hidden = !this.canCompare || Boolean(this.other);
		return el(
			'header',
			{},
			tool('close', text.close, () => this.close()),
			el('div', { class: 'naming' }, this.title, this.place),
			el(
				'div',
				{ class: 'zooming' },
				tool('minus', text.zoomOut, () => this.zoom.zoom(1 / ZOOM)),
				tool('plus', text.zoomIn, () => this.zoom.zoom(ZOOM)),
			),
			this.compareButton,
			this.factsButton,
		);
	}

	open(/** @type {ViewerItem} */ item) {
		this.dialog.append(...messages());
		document.body.append(this.dialog);
		this.dialog.showModal();
		// Back, a drop or a paste show something else.
		const { signal } = this.#closing;
		stateChanges.addEventListener('change', () => this.dialog.close(), { signal });
		this.show(item);
	}

	close() {
		morph(this.picture, () => this.dialog.close(), imageOf(this.#item));
	}

	show(/** @type {ViewerItem} */ item) {
		this.#item = item;
		const { image } = item;
		const onpreview = (/** @type {string} */ format) => this.#showNote(image, format);
		this.note.hidden = true;
		this.zoom.reset();
		const img = fullPicture(image, onpreview);
		this.picture.replaceChildren(img, el('figcaption', {}, bdi(image.name)));
		// Small pictures are enlarged, but not until one sees nothing but squares.
		img.style.maxInlineSize = `${Math.max(2 * image.width, 320)}px`;
		img.style.maxBlockSize = `${Math.max(2 * image.height, 320)}px`;
		this.panel.replaceChildren(factsOf(item, (action) => this.#run(action)));
		this.#showPlace();
		this.setComparing(this.comparing);
		item.tile?.scrollIntoView({ block: 'nearest', behavior: 'instant' });
	}

	step(/** @type {number} */ by) {
		const all = this.neighbours();
		const at = all.findIndex(({ image }) => image.id === this.#item?.image.id);
		const item = all[at + by];
		if (!item) return at + by >= all.length && this.#waitForMore();
		this.show(item);
		announce(`${item.image.name}, ${this.place.textContent}`);
	}

	// The list goes on by itself once its last tile is in view.
	#waitForMore() {
		const list = this.#item?.tile?.parentElement;
		if (!list || this.#total() <= this.neighbours().length) return;
		const observer = new MutationObserver(() => {
			observer.disconnect();
			if (this.dialog.open) this.step(1);
		});
		observer.observe(list, { childList: true });
		this.#closing.signal.addEventListener('abort', () => observer.disconnect());
	}

	// Of all pictures of the list, also of those that are not loaded.
	#total() {
		/** @type {HTMLElement | null | undefined} */
		const list = this.#item?.tile?.closest('[data-total]');
		return Number(list?.dataset.total ?? 0);
	}

	setFacts(/** @type {boolean} */ open) {
		withFacts = open;
		this.panel.hidden = !open;
		this.factsButton.setAttribute('aria-pressed', String(open));
	}

	async setComparing(/** @type {boolean} */ comparing) {
		const item = /** @type {ViewerItem} */ (this.#item);
		const text = words.pictures.comparing;
		this.comparing = comparing;
		this.stage.classList.toggle('comparing', comparing);
		this.second.hidden = this.compareTools.hidden = !comparing;
		this.compareButton.setAttribute('aria-pressed', String(comparing));
		this.title.replaceChildren(comparing ? text.title : bdi(item.image.name));
		this.#showDivider();
		if (!comparing) return;
		const result = /** @type {HTMLElement} */ (this.compareTools.querySelector('.verdict'));
		result.replaceChildren(el('p', {}, text.running));
		const { signal } = this.#closing;
		try {
			const onpreview = () => this.#showNote(item.image, '');
			const example = await showOther(this.second, this.other, onpreview, signal);
			const found = await verdict(example, item.image.id, signal);
			if (this.#item === item) result.replaceChildren(...found);
		} catch {
			if (!signal.aborted) result.replaceChildren(el('p', {}, text.failed));
		}
	}

	setMode(/** @type {'beside' | 'slider'} */ mode) {
		this.stage.dataset.mode = mode;
		for (const each of this.compareTools.querySelectorAll('[data-mode]')) {
			const pressed = /** @type {HTMLElement} */ (each).dataset.mode === mode;
			each.setAttribute('aria-pressed', String(pressed));
		}
		this.zoom.reset();
		this.#showDivider();
	}

	#showDivider() {
		this.divider.hidden = !this.comparing || this.stage.dataset.mode !== 'slider';
	}

	#compareTools() {
		const text = words.pictures.comparing;
		const mode = (/** @type {'beside' | 'slider'} */ name) =>
			button(text[name], () => this.setMode(name), { kind: 'chip', 'data-mode': name });
		const swap = button(text.swap, undefined, { kind: 'chip' });
		const held = (/** @type {boolean} */ on) => () => this.stage.classList.toggle('swapped', on);
		swap.addEventListener('pointerdown', held(true));
		for (const end of ['pointerup', 'pointercancel', 'pointerleave', 'blur', 'keyup']) {
			swap.addEventListener(end, held(false));
		}
		swap.addEventListener('keydown', ({ key }) => {
			if (key === ' ' || key === 'Enter') held(true)();
		});
		return el(
			'div',
			{ class: 'compare-tools' },
			el('div', { class: 'verdict', role: 'status' }),
			el('div', { class: 'chips' }, mode('beside'), mode('slider'), swap),
		);
	}

	#showPlace() {
		const all = this.neighbours();
		const at = all.findIndex(({ image }) => image.id === this.#item?.image.id);
		const total = Math.max(all.length, this.#total());
		const text = words.pictures.viewer.place(number(at + 1), number(total));
		this.place.textContent = all.length > 1 && at >= 0 ? text : '';
		this.previous.disabled = at <= 0;
		this.next.disabled = at < 0 || at === total - 1;
		this.previous.hidden = this.next.hidden = all.length < 2;
	}

	#showNote(/** @type {GalleryImage} */ image, /** @type {string} */ format) {
		if (image.id !== this.#item?.image.id) return;
		this.note.textContent = words.pictures.viewer.preview(format);
		this.note.hidden = false;
	}

	async #run(/** @type {Action} */ action) {
		const item = this.#item;
		if (!STAY.includes(action.name)) return this.leaveFor(action);
		const before = this.neighbours();
		await action.run();
		if (item?.tile?.isConnected !== false || item !== this.#item) return; // it was not deleted
		const at = before.findIndex(({ tile }) => tile === item.tile);
		const left = this.neighbours();
		const next = left[at] ?? left.at(-1);
		if (next) this.show(next);
		else this.dialog.close();
	}

	leaveFor(/** @type {Action} */ action) {
		this.dialog.close();
		action.run();
	}

	#onKey(/** @type {KeyboardEvent} */ event) {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (/** @type {Element} */ (event.target).closest('input')) return;
		const forward = getComputedStyle(this.dialog).direction === 'rtl' ? -1 : 1;
		/** @type {Record<string, () => unknown>} */
		const keys = event.shiftKey
			? {
					ArrowLeft: () => this.zoom.pan(1, 0),
					ArrowRight: () => this.zoom.pan(-1, 0),
					ArrowUp: () => this.zoom.pan(0, 1),
					ArrowDown: () => this.zoom.pan(0, -1),
					'+': () => this.zoom.zoom(ZOOM),
				}
			: {
					ArrowLeft: () => this.step(-forward),
					ArrowRight: () => this.step(forward),
					'+': () => this.zoom.zoom(ZOOM),
					'-': () => this.zoom.zoom(1 / ZOOM),
					0: () => this.zoom.reset(),
				};
		if (!(event.key in keys)) return;
		event.preventDefault();
		keys[event.key]();
	}

	#onClose() {
		this.#closing.abort();
		document.body.append(...messages());
		this.dialog.remove();
		/** @type {HTMLElement | null | undefined} */
		const focused = this.#item?.tile?.querySelector('a, button');
		focused?.focus({ preventScroll: true });
	}
}

// Seen and read only in front of the page, while that is behind the viewer.
const messages = () => [$('#toasts'), $('#announcer')];

/** @type {(name: IconName, label: string, onclick: () => void) => HTMLButtonElement} */
const tool = (name, label, onclick) => button('', onclick, { kind: 'bare', icon: name, label });

/** @type {(label: string, name: IconName, onclick: () => void) => HTMLButtonElement} */
const stepButton = (label, name, onclick) =>
	button('', onclick, { kind: `round step ${name}`, icon: name, label });

// What lies to its end shows the other picture; the grip is an ordinary slider.
function divider(/** @type {(at: number) => void} */ onmove) {
	/** @type {HTMLInputElement} */
	const range = el('input', {
		type: 'range',
		min: 0,
		max: 100,
		step: 0.5,
		value: 50,
		'aria-label': words.pictures.comparing.divider,
		oninput: () => onmove(Number(range.value)),
	});
	return el('div', { class: 'divider' }, range);
}

const imageOf = (/** @type {ViewerItem | null} */ item) => item?.tile?.querySelector('img') ?? null;

// The picture grows out of its tile and goes back into it, unless the visitor wants less motion.
/** @type {(source: HTMLElement | null, change: () => void, target: HTMLElement | null) => void} */
function morph(source, change, target) {
	const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
	if (still || !document.startViewTransition || !source || !target) return change();
	source.style.setProperty('view-transition-name', 'picture');
	const transition = document.startViewTransition(() => {
		source.style.removeProperty('view-transition-name');
		change();
		target.style.setProperty('view-transition-name', 'picture');
	});
	transition.finished.finally(() => target.style.removeProperty('view-transition-name'));
}
