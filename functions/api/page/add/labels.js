// The fields for what the next pictures are filed under: a folder, and the labels of the gallery.
// Each checks its value, in the visitor's way to write it. Depends on dom, gallery, text and words.

import { bdi, el } from '../frame/dom.js';
import { getLimits } from '../gallery/gallery.js';
import { number, parseNumber } from '../words/text.js';
import { words } from '../words/words.js';

const text = words.add;
const fields = el('div', { class: 'fields' });
export const labels = el('details', { class: 'labels' }, el('summary', {}, text.setLabels), fields);

addField('', text.folder, input({ placeholder: text.folderHint }));
/** @type {Promise<void> | null} */
let loaded = null;

// Show the fields of the gallery, once it has said which it has.
export function loadLabels() {
	loaded ??= getLimits().then(
		({ filter_fields: types }) => {
			for (const [name, type] of Object.entries(types)) addField(name, bdi(name), inputOf(type));
		},
		() => {
			loaded = null;
		},
	);
	return loaded;
}

/** @type {(name: string, label: Child, control: HTMLInputElement | HTMLSelectElement) => void} */
function addField(name, label, control) {
	const problem = el('small', { role: 'alert' });
	control.dataset.field = name;
	control.addEventListener('input', () => check(control, problem));
	fields.append(el('label', {}, label, control, problem));
}

/** @returns {HTMLInputElement} */
function input(/** @type {Attributes} */ attributes) {
	return el('input', { autocomplete: 'off', ...attributes });
}

function inputOf(/** @type {FieldType} */ type) {
	if (type === 'bool') {
		const options = /** @type {const} */ ([
			['', ''],
			['true', words.pictures.yes],
			['false', words.pictures.no],
		]);
		return el(
			'select',
			{ 'data-type': type },
			options.map(([value, label]) => el('option', { value }, label)),
		);
	}
	if (type === 'datetime') return input({ type: 'date', 'data-type': type });
	const hints = { keyword: text.hints.text, integer: text.hints.whole, float: text.hints.number };
	// Not type=number: with a comma it is empty in one browser and a hundred times as much in another.
	const inputmode = { keyword: 'text', integer: 'numeric', float: 'decimal' }[type];
	return input({ placeholder: hints[type], inputmode, 'data-type': type });
}

/** @type {(control: HTMLInputElement | HTMLSelectElement, problem: HTMLElement) => void} */
function check(control, problem) {
	const { type } = control.dataset;
	const value = control.value.trim();
	const isNumber = type === 'integer' || type === 'float';
	const parsed = isNumber && value ? parseNumber(value) : 0;
	const wrong =
		parsed === null || (type === 'integer' && !Number.isInteger(parsed))
			? type === 'integer'
				? text.notWhole
				: text.notNumber(number(3.5))
			: '';
	control.setCustomValidity(wrong);
	problem.textContent = wrong;
}

const controls = () =>
	/** @type {NodeListOf<HTMLInputElement | HTMLSelectElement>} */ (
		fields.querySelectorAll('[data-field]')
	);

// Whether every field can be sent; if not, the first that cannot has the focus.
export function labelsAreRight() {
	const wrong = [...controls()].find((control) => !control.validity.valid);
	if (!wrong) return true;
	labels.open = true;
	wrong.focus();
	return false;
}

export async function readLabels() {
	await loadLabels();
	/** @type {Metadata} */
	const metadata = {};
	let prefix = '';
	for (const { dataset, value: written } of controls()) {
		const { field = '', type } = dataset;
		const value = written.trim();
		if (!field) prefix = value && `${value.replace(/^\/+|\/+$/g, '')}/`;
		else if (!value) continue;
		else if (type === 'bool') metadata[field] = value === 'true';
		else if (type === 'integer' || type === 'float')
			metadata[field] = /** @type {number} */ (parseNumber(value));
		else metadata[field] = value;
	}
	return { prefix, metadata };
}
