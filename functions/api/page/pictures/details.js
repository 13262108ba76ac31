// The details of a result in a dialog, with its actions. Loaded when used.
// Depends on api, dialogs, dom, full-image, likeness and text.

import { openDialog } from '../frame/dialogs.js';
import { bdi, button, el } from '../frame/dom.js';
import { get } from '../gallery/api.js';
import { likenessMark, likenessSentence } from '../gallery/likeness.js';
import { dateTime, describeError, describeFlaws, fileSize, percent } from '../words/text.js';
import { fullImage } from './full-image.js';

export async function showDetails(
	/** @type {SearchResult} */ result,
	/** @type {Action[]} */ actions,
) {
	const { width, height } = result;
	const facts = el(
		'dl',
		{},
		fact(
			result.copyOf ? `Copy of ${result.copyOf}` : 'Match',
			percent(result.similarity),
			likenessMark(result, likenessSentence(result)),
		),
		fact('Size', `${width} × ${height} pixels`),
	);
	const metadata = Object.entries(result.metadata).map(([field, value]) =>
		fact(field, [value].flat().join(', ')),
	);
	const buttons = actions
		.filter(({ name }) => name !== 'details')
		.map(({ label, icon, run, danger }) => {
			const onclick = () => {
				dialog.close();
				run();
			};
			return button(label, onclick, { kind: danger ? 'danger' : 'quiet', icon });
		});
	const dialog = openDialog(
		bdi(result.name),
		[
			el('div', { class: 'large' }, fullImage(result)),
			el(
				'div',
				{ class: 'facts' },
				facts,
				metadata.length > 0 && [el('h3', {}, 'Metadata'), el('dl', {}, metadata)],
				el('div', { class: 'tools' }, buttons),
			),
		],
		{ kind: 'details' },
	);
	try {
		/** @type {StoredImage} */
		const image = await get(result.links.self);
		facts.append(
			fact('File', `${image.format}, ${fileSize(image.bytes)}`),
			fact('Added', dateTime(image.added_at)),
			fact('ID', image.id),
		);
		if (image.flaws.length) facts.append(fact('Flaws', describeFlaws(image.flaws)));
	} catch (error) {
		facts.append(fact('File', describeError(error).title));
	}
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
