// The dialog to enter the API key. Loaded when needed. Depends on dialogs and dom.

import { openDialog } from './dialogs.js';
import { button, el } from './dom.js';

/** @type {(reason: string) => Promise<string>} */
export const enterKey = (reason) =>
	new Promise((resolve) => {
		const field = el('input', {
			type: 'password',
			name: 'key',
			autocomplete: 'off',
			spellcheck: 'false',
			required: true,
			id: 'key-field',
			'aria-describedby': 'key-reason',
		});
		let key = '';
		const onsubmit = (/** @type {Event} */ event) => {
			event.preventDefault();
			key = field.value.trim();
			dialog.close();
		};
		/** @type {HTMLDialogElement} */
		const dialog = openDialog(
			'Access key needed',
			[
				el('p', { id: 'key-reason' }, reason),
				el(
					'form',
					{ onsubmit },
					el('label', { for: 'key-field' }, 'Access key'),
					field,
					el(
						'p',
						{ class: 'muted' },
						'Kept in this tab and only sent to this gallery. Never part of a link.',
					),
					el(
						'div',
						{ class: 'row end' },
						button('Not now', () => dialog.close()),
						el('button', { class: 'primary' }, 'Use this key'),
					),
				),
			],
			{ onclose: () => resolve(key) },
		);
		field.focus();
	});
