// The API key, kept for this tab and this gallery only. Depends on no module; loads key-dialog when
// a key is needed.

const STORAGE = `lookalike-key ${location.pathname}`; // one host can have several galleries
export const keyChanges = new EventTarget(); // "change" whenever another key is used

export const getKey = () => sessionStorage.getItem(STORAGE);

export function setKey(/** @type {string | null} */ key) {
	if (key) sessionStorage.setItem(STORAGE, key);
	else sessionStorage.removeItem(STORAGE);
	keyChanges.dispatchEvent(new Event('change'));
}

/** @type {Promise<boolean> | null} */
let pending = null;

// Ask once, however many calls wait for the key; true if one was entered.
export function askForKey(/** @type {string} */ reason) {
	pending ??= showDialog(reason).finally(() => {
		pending = null;
	});
	return pending;
}

async function showDialog(/** @type {string} */ reason) {
	const { enterKey } = await import('./key-dialog.js');
	const key = await enterKey(reason);
	if (key) setKey(key);
	return Boolean(key);
}

// Show what the key allows, and change or forget it.
export async function openKey(/** @type {KeyScope} */ scope, /** @type {string} */ reason) {
	const { manageKey } = await import('./key-dialog.js');
	const choice = await manageKey(scope);
	if (choice === 'forget') setKey(null);
	return choice === 'forget' || (choice === 'another' && (await askForKey(reason)));
}
