// Keeps the pictures that a tab searches with in the browser, so that they survive a reload and
// Back. They are removed when their tab is closed, by the next visit. Depends on no module.

const STORE = 'pictures';
const TAB = 'lookalike-tab';
const MOST_KEPT = 12; // of one tab
const TIDIED_AFTER_MS = 2000; // when the page has nothing better to do
const DAY_MS = 86_400_000; // where no locks tell which tabs are open

/** @typedef {{ number: number, tab: string, file: File }} KeptPicture */

let tab = sessionStorage.getItem(TAB); // once it has kept a picture
let release = () => {};

// Held while the page is open; not in the browser's cache of pages, which takes none with a lock.
function holdLock() {
	const hold = () =>
		/** @type {Promise<void>} */ (
			new Promise((resolve) => {
				release = resolve;
			})
		);
	navigator.locks?.request(`${TAB} ${tab}`, { mode: 'shared' }, hold).catch(() => {});
}

if (tab) holdLock();
addEventListener('pagehide', () => release());
addEventListener('pageshow', ({ persisted }) => persisted && tab && holdLock());

setTimeout(() => tidy().catch(() => {}), TIDIED_AFTER_MS);

/** @type {Promise<IDBDatabase> | undefined} */
let opening;

export async function keep(/** @type {number} */ number, /** @type {File} */ file) {
	if (!tab) {
		tab = crypto.getRandomValues(new Uint32Array(2)).join('-');
		sessionStorage.setItem(TAB, tab);
		holdLock();
	}
	try {
		await run('readwrite', (store) => store.put({ number, tab, file }));
		await tidy();
	} catch {
		// Private windows may keep nothing: such a picture lasts as long as the page.
	}
}

/** @returns {Promise<File | null>} */
export async function kept(/** @type {number} */ number) {
	/** @type {KeptPicture | undefined} */
	const found = await run('readonly', (store) => store.get(number)).catch(() => undefined);
	return found?.file ?? null;
}

// Remove what closed tabs left, and the oldest of this one.
async function tidy() {
	const locks = await navigator.locks?.query();
	const open = new Set([...(locks?.held ?? []), ...(locks?.pending ?? [])].map(({ name }) => name));
	/** @type {KeptPicture[]} */
	const all = await run('readonly', (store) => store.getAll());
	const mine = all.filter((each) => each.tab === tab).slice(0, -MOST_KEPT);
	const others = all.filter(
		({ tab: other, number }) =>
			other !== tab && (locks ? !open.has(`${TAB} ${other}`) : number / 100 < Date.now() - DAY_MS),
	);
	for (const { number } of [...mine, ...others]) {
		await run('readwrite', (store) => store.delete(number));
	}
}

/** @type {(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest) => Promise<any>} */
async function run(mode, ask) {
	opening ??= open();
	const database = await opening;
	return answerTo(ask(database.transaction(STORE, mode).objectStore(STORE)));
}

function open() {
	const request = indexedDB.open('lookalike', 1);
	request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'number' });
	return answerTo(request);
}

/** @type {(request: IDBRequest) => Promise<any>} */
const answerTo = (request) =>
	new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
