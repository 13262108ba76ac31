// Finds results that are copies of a better result, by their fingerprints. Depends on no module.

const MAX_DISTANCE = 4; // of 64 bits: resized, re-saved or in another format

// For each result the index of the better one that it is a copy of, or -1.
export function copiesOf(/** @type {SearchResult[]} */ results) {
	/** @type {{ index: number, hash: bigint | null, version: string }[]} */
	const originals = [];
	return results.map(({ perceptual_hash, links }, index) => {
		const hash = perceptual_hash ? BigInt(`0x${perceptual_hash}`) : null;
		const version = links.thumbnail.split('?')[1]; // the same for the same bytes
		const original = originals.find(
			(each) =>
				each.version === version ||
				(hash && each.hash && countOnes(hash ^ each.hash) <= MAX_DISTANCE),
		);
		if (original) return original.index;
		originals.push({ index, hash, version });
		return -1;
	});
}

function countOnes(/** @type {bigint} */ bits) {
	let ones = 0;
	for (; bits; bits &= bits - 1n) ones += 1;
	return ones;
}
