// What the page shows, and its address, which restores it. Depends on no module.

/** @type {State} */
export const INITIAL = {
	view: 'search',
	id: null,
	url: null,
	upload: null,
	region: null,
	more: [],
	less: [],
	filter: [],
	copies: false,
	min: 0,
	kind: 'same-bytes',
};

const SLIDER_RESTS_MS = 250;
let sliding = 0; // timer

export const stateChanges = new EventTarget();
export let current = readAddress();

/** @returns {State} */
function readAddress() {
	const query = new URLSearchParams(location.search);
	const list = (/** @type {string} */ name) => query.get(name)?.split(',').filter(Boolean) ?? [];
	const [x, y, width, height] = (query.get('part') ?? '').split(',').map(Number);
	const inside =
		width > 0 && height > 0 && x >= 0 && y >= 0 && x + width <= 1.0001 && y + height <= 1.0001;
	return {
		view: query.get('view') ?? INITIAL.view,
		id: query.get('id'),
		url: query.get('url'),
		upload: history.state?.upload ?? null,
		region: inside ? { x, y, width, height } : null,
		more: list('more'),
		less: list('less'),
		filter: query.getAll('filter').flatMap(filterPair),
		copies: query.has('copies'),
		min: Math.min(100, Math.max(0, Math.round(Number(query.get('min'))) || 0)),
		kind: query.get('kind') ?? INITIAL.kind,
	};
}

/** @returns {State['filter']} */
function filterPair(/** @type {string} */ pair) {
	const colon = pair.indexOf(':');
	return colon < 0 ? [] : [[pair.slice(0, colon), pair.slice(colon + 1)]];
}

export function addressOf(/** @type {State} */ state) {
	const { view, id, url, region, more, less, filter, copies, min, kind } = state;
	const query = new URLSearchParams();
	if (view !== INITIAL.view) query.set('view', view);
	if (id) query.set('id', id);
	if (url) query.set('url', url);
	if (view === 'duplicates' && kind !== INITIAL.kind) query.set('kind', kind);
	if (region) {
		const numbers = [region.x, region.y, region.width, region.height];
		query.set('part', numbers.map((number) => +number.toFixed(4)).join(','));
	}
	if (more.length) query.set('more', more.join(','));
	if (less.length) query.set('less', less.join(','));
	for (const [field, value] of filter) query.append('filter', `${field}:${value}`);
	if (copies) query.set('copies', '1');
	if (min) query.set('min', String(min));
	const text = query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
	return text ? `?${text}` : './'; // below whatever path the gallery is served at
}

export const linkTo = (/** @type {Partial<State>} */ state) =>
	new URL(addressOf({ ...INITIAL, ...state }), location.href).href;

const notify = () => stateChanges.dispatchEvent(new Event('change'));

// Change some of the state, as one step that Back undoes.
export function navigate(/** @type {Partial<State>} */ changes, { replace = false } = {}) {
	writeSlide();
	current = { ...current, ...changes };
	write(replace ? 'replaceState' : 'pushState');
	notify();
}

// Change what a slider sets: all its steps together are one that Back undoes. Safari throws after a
// hundred changes of the address in half a minute, so the address follows when the slider rests.
export function slide(/** @type {Partial<State>} */ changes) {
	current = { ...current, ...changes };
	clearTimeout(sliding);
	if (history.state?.slid) sliding = setTimeout(writeSlide, SLIDER_RESTS_MS);
	else write('pushState', true);
	notify();
}

/** @type {(method: 'pushState' | 'replaceState', slid?: boolean) => void} */
function write(method, slid = false) {
	history[method]({ upload: current.upload, slid }, '', addressOf(current));
}

function writeSlide() {
	clearTimeout(sliding);
	if (sliding) write('replaceState', true);
	sliding = 0;
}

// A new search, or the start view. Filters and the minimum match were about the picture before.
export const startSearch = (/** @type {Partial<State>} */ query = {}) =>
	navigate({ ...INITIAL, copies: current.copies, ...query });

export const showView = (/** @type {string} */ view) => navigate({ ...INITIAL, view });

export const hasQuery = (/** @type {State} */ { id, url, upload, more }) =>
	Boolean(id || url || upload || more.length);

addEventListener('pagehide', writeSlide);
addEventListener('popstate', () => {
	clearTimeout(sliding);
	sliding = 0;
	current = readAddress();
	notify();
});
