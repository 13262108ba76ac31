// Files out of a drop or a file field, folders included, each with the path it came by.

export const fromField = (field) =>
  [...field.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

// What was pasted has a name that says nothing.
export const fromClipboard = (files) => files.map((file) => ({ file, name: null }));

export async function fromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = (await Promise.all(entries.map(walk))).flat();
  return found.length ? found : [...transfer.files].map((file) => ({ file, name: file.name }));
}

async function walk(entry) {
  if (entry.name.startsWith('.')) return []; // .DS_Store and its like
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    return file ? [{ file, name: entry.fullPath.replace(/^\//, '') }] : [];
  }
  const reader = entry.createReader();
  const inside = [];
  for (;;) { // it gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (!some.length) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.map(walk))).flat();
}
