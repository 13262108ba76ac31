// Shows which stage a search is at, how far its upload is, and a button to cancel.
// Depends on dom, text and words.

import { announce, button, el } from '../frame/dom.js';
import { percent } from '../words/text.js';
import { words } from '../words/words.js';

const LABELS = words.search.stages;

/** @type {(stages: Stage[], onCancel: () => void) => Progress & { element: HTMLElement }} */
export function searchProgress(stages, onCancel) {
	const steps = new Map(stages.map((stage) => [stage, el('li', {}, LABELS[stage])]));
	const bar = el('progress', { max: 1, 'aria-label': words.search.progress });
	const note = el('p', { class: 'muted' });
	const element = el(
		'div',
		{ class: 'stages' },
		el('ol', {}, [...steps.values()]),
		bar,
		note,
		button(words.search.cancel, onCancel, { icon: 'close' }),
	);

	function setStage(/** @type {Stage} */ stage) {
		announce(LABELS[stage]);
		bar.removeAttribute('value'); // how long it will take is unknown
		let past = true;
		for (const [name, step] of steps) {
			if (name === stage) past = false;
			step.className = past ? 'past' : '';
			if (name === stage) step.setAttribute('aria-current', 'step');
			else step.removeAttribute('aria-current');
		}
	}

	function setUploaded(/** @type {number} */ fraction) {
		bar.value = fraction;
		steps.get('uploading')?.replaceChildren(`${LABELS.uploading} ${percent(fraction)}`);
		if (fraction === 1) setStage('searching');
	}

	function setNote(/** @type {string} */ text) {
		note.textContent = text;
		announce(text);
	}

	return { element, setStage, setUploaded, setNote };
}
