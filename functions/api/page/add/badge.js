// How far an upload is, at the link to this view, while another one is shown. Depends on dom and text.

import { $, el } from '../frame/dom.js';
import { number } from '../words/text.js';

const badge = el('span', { class: 'upload-badge' });

export function showBadge(/** @type {number} */ done, /** @type {number} */ total) {
	if (done === total) return badge.remove();
	badge.textContent = `${number(done)}/${number(total)}`;
	badge.style.setProperty('--done', String(done / total));
	if (!badge.isConnected) $('nav [data-view=add]').append(badge);
}
