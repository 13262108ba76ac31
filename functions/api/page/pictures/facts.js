// What is known of a picture, and what can be done with it: the panel of the viewer.
// Depends on api, dom, likeness, text and words.

import { bdi, button, el } from '../frame/dom.js';
import { get } from '../gallery/api.js';
import { likenessMark, likenessSentence } from '../gallery/likeness.js';
import {
	dateTime,
	describeError,
	describeFlaws,
	fileSize,
	number,
	percent,
} from '../words/text.js';
import { words } from '../words/words.js';

// `run` carries out an action.
/** @type {(item: ViewerItem, run: (action: Action) => void) => HTMLElement} */
export function factsOf({ image, actions }, run) {
	const text = words.pictures.facts;
	const { width, height, similarity, copyOf, matched = null, band } = image;
	const facts = el(
		'dl',
		{},
		similarity !== undefined &&
			fact(
				copyOf ? text.copyOf(copyOf) : text.match,
				percent(similarity),
				likenessMark({ matched, band }, likenessSentence({ matched, band })),
			),
		fact(text.size, text.pixels(number(width), number(height))),
	);
	const labels = el('div', {});
	const buttons = actions
		.filter(({ name }) => name !== 'details' && name !== 'compare')
		.map((action) => {
			const { label, icon, danger } = action;
			return button(label, () => run(action), { kind: danger ? 'danger' : 'quiet', icon });
		});
	showStored(image, facts, labels);
	return el('div', { class: 'facts' }, facts, labels, el('div', { class: 'tools' }, buttons));
}

async function showStored(
	/** @type {ViewerItem['image']} */ image,
	/** @type {HTMLElement} */ facts,
	/** @type {HTMLElement} */ labels,
) {
	const text = words.pictures.facts;
	showLabels(labels, image.metadata);
	try {
		/** @type {StoredImage} */
		const { format, bytes, added_at, id, flaws, metadata } = await get(image.links.self);
		facts.append(
			fact(text.file, `${format}, ${fileSize(bytes)}`),
			fact(text.added, dateTime(added_at)),
			fact(text.id, id),
		);
		if (flaws.length) facts.append(fact(text.flaws, describeFlaws(flaws)));
		showLabels(labels, metadata);
	} catch (error) {
		facts.append(fact(text.file, describeError(error).title));
	}
}

function showLabels(/** @type {HTMLElement} */ labels, metadata = /** @type {Metadata} */ ({})) {
	const rows = Object.entries(metadata).map(([field, value]) =>
		fact(field, [value].flat().map(inWords).join(', ')),
	);
	labels.replaceChildren(
		...(rows.length ? [el('h3', {}, words.pictures.facts.labels), el('dl', {}, rows)] : []),
	);
}

function inWords(/** @type {MetadataValue} */ value) {
	if (typeof value === 'boolean') return value ? words.pictures.yes : words.pictures.no;
	return typeof value === 'number' ? number(value) : value;
}

/** @type {(field: string, ...values: Child[]) => HTMLElement} */
const fact = (field, ...values) =>
	el(
		'div',
		{},
		el('dt', {}, bdi(field)),
		el(
			'dd',
			{},
			values.map((value) => (typeof value === 'string' ? bdi(value) : value)),
		),
	);
