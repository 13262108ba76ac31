// Lets pictures glide to their new places when results change. Depends on no module.

const visibleTiles = () =>
	[...document.querySelectorAll('#answer .tile:not([hidden])')].flatMap((tile) => {
		const { top, bottom, height } = tile.getBoundingClientRect();
		return height && bottom > 0 && top < innerHeight ? [/** @type {HTMLElement} */ (tile)] : [];
	});

// Change the page; at once where motion is reduced or the browser cannot.
/** @type {(change: () => void) => Promise<void>} */
export async function glide(change) {
	const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
	if (still || document.hidden || !document.startViewTransition) return change();
	name(visibleTiles());
	const transition = document.startViewTransition(() => {
		change();
		name(visibleTiles());
	});
	transition.finished.finally(() => {
		for (const tile of document.querySelectorAll('.tile[style*="view-transition"]')) {
			/** @type {HTMLElement} */ (tile).style.viewTransitionName = '';
		}
	});
	transition.ready.catch(() => {}); // a newer change cut it short
	await transition.updateCallbackDone;
}

function name(/** @type {HTMLElement[]} */ tiles) {
	for (const tile of tiles) tile.style.viewTransitionName = `tile-${tile.dataset.id}`;
}
