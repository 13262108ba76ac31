// Files from a drop, the clipboard or a file field, folders included. Depends on no module.

/** @returns {NamedFile[]} */
export const filesOfField = (/** @type {HTMLInputElement} */ field) =>
	[...(field.files ?? [])].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

// The names of pasted files mean nothing.
export const pastedFiles = (/** @type {File[]} */ files) =>
	files.map((file) => ({ file, name: null }));

// Without what lies next to pictures in a folder; a file that was chosen by itself stays.
/** @type {(files: NamedFile[], suffixes: string[]) => NamedFile[]} */
export const withoutCompanions = (files, suffixes) =>
	files.filter(({ name }) => {
		const [file = '', ...folders] = (name ?? '').toLowerCase().split('/').reverse();
		const isCompanion = file.startsWith('.') || suffixes.some((end) => file.endsWith(end));
		return !folders.length || !isCompanion;
	});

/** @returns {Promise<NamedFile[]>} */
export async function droppedFiles(/** @type {DataTransfer} */ transfer) {
	const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
	const files = (await Promise.all(entries.map(walk))).flat();
	return files.length ? files : [...transfer.files].map((file) => ({ file, name: file.name }));
}

/** @returns {Promise<NamedFile[]>} */
async function walk(/** @type {FileSystemEntry | null} */ entry) {
	if (!entry || entry.name.startsWith('.')) return []; // .DS_Store and the like
	if (isFile(entry)) {
		/** @type {File | null} */
		const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
		return file ? [{ file, name: entry.fullPath.replace(/^\//, '') }] : [];
	}
	const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
	/** @type {FileSystemEntry[]} */
	const children = [];
	for (;;) {
		/** @type {FileSystemEntry[]} */
		const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
		if (!some.length) break; // browsers return about a hundred at a time
		children.push(...some);
	}
	return (await Promise.all(children.map(walk))).flat();
}

/** @type {(entry: FileSystemEntry) => entry is FileSystemFileEntry} */
const isFile = (entry) => entry.isFile;
