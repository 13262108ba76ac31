// The dialogs to enter the API key and to change or forget it. Loaded when needed.
// Depends on dialogs, dom and words.

import { words } from '../words/words.js';
import { openDialog } from './dialogs.js';
import { button, el } from './dom.js';

// Resolves with the key, or with '' if none was entered.
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
			words.key.needed,
			[
				el('p', { id: 'key-reason' }, reason),
				el(
					'form',
					{ onsubmit },
					el('label', { for: 'key-field' }, words.key.label),
					field,
					el('p', { class: 'muted' }, words.key.kept),
					el(
						'div',
						{ class: 'row end' },
						button(words.key.notNow, () => dialog.close()),
						el('button', { class: 'primary' }, words.key.use),
					),
				),
			],
			{ onclose: () => resolve(key) },
		);
		field.focus();
	});

// What the key allows; resolves with what to do about it.
/** @type {(scope: KeyScope) => Promise<'another' | 'forget' | null>} */
export const manageKey = (scope) =>
	new Promise((resolve) => {
		/** @type {'another' | 'forget' | null} */
		let choice = null;
		const choose = (/** @type {typeof choice} */ chosen) => {
			choice = chosen;
			dialog.close();
		};
		/** @type {(text: string, buttons: Children) => void} */
		const show = (text, buttons) =>
			body.replaceChildren(el('p', {}, text), el('div', { class: 'row end' }, ...buttons));
		const askAgain = () => {
			const cancel = button(words.frame.cancel, () => dialog.close());
			title.textContent = words.key.forgetQuestion;
			show(words.key.forgetText, [
				cancel,
				button(words.key.forgetNow, () => choose('forget'), { kind: 'danger' }),
			]);
			cancel.focus();
		};
		const title = el('span', {}, words.key.yours);
		const body = el('div');
		const { short, text } = words.key.scopes[scope];
		show(scope === 'unknown' ? text : `${short}. ${text}`, [
			button(`${words.key.forget}…`, askAgain),
			button(words.key.another, () => choose('another'), { kind: 'primary' }),
		]);
		const dialog = openDialog(title, [body], { onclose: () => resolve(choice) });
	});
