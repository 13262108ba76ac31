// Files from a drop, the clipboard or a file field, folders included. Depends on no module.

/** @returns {NamedFile[]} */
export const filesOfField = (/** @type {HTMLInputElement} */ field) =>
	[...(field.files ?? [])].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

// The names of pasted files mean nothing.
export const pastedFiles = (/** @type {File[]} */ files) =>
	files.map((file) => ({ file, name: null }));

export const chosenFiles = (/** @type {File[]} */ files) =>
	files.map((file) => ({ file, name: file.name }));

// Pictures, and what is none by its name or by the type that the browser knows: texts, videos, what
// cameras and systems leave next to pictures. A file of no known type may be a picture.
/** @type {(files: NamedFile[], suffixes: string[]) => { pictures: NamedFile[], others: NamedFile[] }} */
export function sortFiles(files, suffixes) {
	const isOther = (/** @type {NamedFile} */ { file, name }) => {
		const [last = '', ...folders] = (name ?? '').toLowerCase().split('/').reverse();
		const isHidden = folders.length > 0 && last.startsWith('.');
		const isCompanion = isHidden || suffixes.some((end) => last.endsWith(end));
		return (
			isCompanion || (file.type !== '' && !/^(image\/|application\/octet-stream)/.test(file.type))
		);
	};
	return {
		pictures: files.filter((each) => !isOther(each)),
		others: files.filter(isOther),
	};
}

/** @returns {Promise<NamedFile[]>} */
export async function droppedFiles(/** @type {DataTransfer} */ transfer) {
	const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
	const files = (await Promise.all(entries.map(walk))).flat();
	return files.length ? files : [...transfer.files].map((file) => ({ file, name: file.name }));
}

/** @returns {Promise<NamedFile[]>} */
async function walk(/** @type {FileSystemEntry | null} */ entry) {
	if (!entry || (entry.isDirectory && entry.name.startsWith('.'))) return []; // .thumbnails, .git
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
