// The slider for the minimum match in percent, with a count of the results that reach it.
// Depends on dom and text.

import { el } from '../frame/dom.js';
import { count } from '../words/text.js';

export function thresholdSlider(
	/** @type {number} */ start,
	/** @type {(min: number) => void} */ onSlide,
	/** @type {(min: number) => void} */ onSet,
) {
	const value = el('output', { for: 'min-match' });
	const summary = el('p', { class: 'muted result-count', 'aria-live': 'polite' });
	const slider = el('input', { type: 'range', id: 'min-match', min: 0, max: 100, step: 1 });
	slider.addEventListener('input', () => {
		showValue();
		onSlide(slider.valueAsNumber);
	});
	slider.addEventListener('change', () => onSet(slider.valueAsNumber));
	const label = el('label', { for: 'min-match' }, 'Minimum match: ', value);
	const element = el('div', { class: 'threshold' }, label, slider, summary);

	function showValue() {
		value.textContent = `${slider.value}%`;
		slider.setAttribute('aria-valuetext', `${slider.value}%`);
		slider.style.setProperty('--at', String(slider.valueAsNumber / 100));
	}

	function set(/** @type {number} */ min) {
		slider.value = String(min);
		showValue();
	}

	/** @type {(shown: number, all: number, copies: number, hasMore: boolean) => void} */
	function showCount(shown, all, copies, hasMore) {
		const results = count(all, 'result');
		const hidden = copies ? `, ${count(copies, 'copy')} hidden` : '';
		const text = shown < all ? `${shown} of ${results}` : hasMore ? `First ${results}` : results;
		summary.textContent = text + hidden;
	}

	set(start);
	return { element, set, showCount };
}
