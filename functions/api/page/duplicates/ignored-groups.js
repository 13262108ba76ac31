// Groups marked as not duplicates, remembered in this browser only. Depends on no module.

const STORAGE = 'lookalike-not-duplicates';
const MAX_GROUPS = 5000;

const groupKey = (/** @type {DuplicateGroup} */ { images }) =>
	images
		.map(({ id }) => id)
		.sort()
		.join(' ');

/** @returns {Set<string>} */
function readGroups() {
	try {
		return new Set(JSON.parse(localStorage.getItem(STORAGE) ?? '[]'));
	} catch {
		return new Set();
	}
}

export const isIgnored = (/** @type {DuplicateGroup} */ group) => readGroups().has(groupKey(group));

export function setIgnored(/** @type {DuplicateGroup} */ group, /** @type {boolean} */ ignored) {
	const groups = readGroups();
	if (ignored) groups.add(groupKey(group));
	else groups.delete(groupKey(group));
	localStorage.setItem(STORAGE, JSON.stringify([...groups].slice(-MAX_GROUPS)));
}
