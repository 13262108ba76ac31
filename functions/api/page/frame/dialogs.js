// Dialogs, short messages and copying links. Depends on dom and words.

import { words } from '../words/words.js';
import { $, button, el } from './dom.js';

let dialogs = 0;

// Open a dialog over the page. Escape or a click next to it closes it.
/** @type {(title: Child, content: Children, options?: DialogOptions) => HTMLDialogElement} */
export function openDialog(title, content, { kind = '', onclose } = {}) {
	const id = `dialog-${++dialogs}`;
	/** @type {HTMLDialogElement} */
	const dialog = el(
		'dialog',
		{ class: kind, closedby: 'any', 'aria-labelledby': id },
		el(
			'header',
			{},
			el('h2', { id }, title),
			button('', () => dialog.close(), { kind: 'bare', icon: 'close', label: words.frame.close }),
		),
		el('div', { class: 'body' }, ...content),
	);
	dialog.addEventListener('close', () => {
		dialog.remove();
		onclose?.();
	});
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

export function toast(/** @type {string} */ text, /** @type {Child} */ action = null) {
	const message = el('div', { class: 'toast' }, el('span', {}, text), action);
	$('#toasts').append(message);
	setTimeout(() => message.remove(), action ? 12_000 : 5_000);
	return message;
}

export async function copyLink(link = location.href) {
	try {
		await navigator.clipboard.writeText(link);
		toast(words.frame.linkCopied);
	} catch {
		// not allowed, or the page was not loaded over HTTPS
		const field = el('input', { readonly: true, value: link, 'aria-label': words.frame.link });
		openDialog(words.frame.copyLink, [field]);
		field.select();
	}
}
