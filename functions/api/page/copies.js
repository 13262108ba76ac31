// Tells which of the found pictures are copies of one another: near-duplicates by their fingerprints.

const SAME_BITS = 4; // of 64: resized, saved again, in another format

// For each result the place of the better one that it is a copy of, or -1.
export function foldedUnder(results) {
  const leaders = [];
  return results.map((result, i) => {
    const hash = result.perceptual_hash && BigInt(`0x${result.perceptual_hash}`);
    const version = result.links.thumbnail.split('?')[1]; // the same for the same bytes
    const leader = leaders.find((each) => each.version === version
      || (hash && each.hash && ones(hash ^ each.hash) <= SAME_BITS));
    if (leader) return leader.i;
    leaders.push({ i, hash, version });
    return -1;
  });
}

function ones(bits) {
  let count = 0;
  for (; bits; bits &= bits - 1n) count += 1;
  return count;
}
