// Small drawings for empty views and errors, in the style of the logo. Depends on no module.

// Lines in the colour of borders, and the part that the eye is led to.
/** @satisfies {Record<string, { line: string, accent: string }>} */
const DRAWINGS = {
	pictures: {
		line: 'M18 22h34a10 10 0 0 1 10 10v34a10 10 0 0 1-10 10H18A10 10 0 0 1 8 66V32a10 10 0 0 1 10-10z',
		accent:
			'M68 8h34a10 10 0 0 1 10 10v34a10 10 0 0 1-10 10H68a10 10 0 0 1-10-10V18A10 10 0 0 1 68 8zM58 50l12-12 12 12 6-6 24 16M97 24h.01',
	},
	offline: {
		line: 'M40 64h40a15 15 0 0 0 2-29.9A22 22 0 0 0 39.5 35 14.5 14.5 0 0 0 40 64z',
		accent: 'M32 74L88 12',
	},
	locked: {
		line: 'M34 8h52a12 12 0 0 1 12 12v44a12 12 0 0 1-12 12H34a12 12 0 0 1-12-12V20A12 12 0 0 1 34 8z',
		accent: 'M46 40h28v20H46zM51 40v-7a9 9 0 0 1 18 0v7M60 48v4',
	},
	busy: {
		line: 'M34 8h52a12 12 0 0 1 12 12v44a12 12 0 0 1-12 12H34a12 12 0 0 1-12-12V20A12 12 0 0 1 34 8z',
		accent: 'M60 60a18 18 0 1 0 0-36 18 18 0 0 0 0 36zM60 33v9l6 5',
	},
	gone: {
		line: 'M34 8h52a12 12 0 0 1 12 12v44a12 12 0 0 1-12 12H34a12 12 0 0 1-12-12V20A12 12 0 0 1 34 8z',
		accent: 'M50 32l20 20M70 32L50 52',
	},
	broken: {
		line: 'M34 6h52a12 12 0 0 1 12 12v24l-13 8-12-9-13 9-13-9-12 9-13-8V18A12 12 0 0 1 34 6z',
		accent: 'M22 56l13 8 12-9 13 9 13-9 12 9 13-8v10a12 12 0 0 1-12 12H34a12 12 0 0 1-12-12z',
	},
	tidy: {
		line: 'M34 8h52a12 12 0 0 1 12 12v44a12 12 0 0 1-12 12H34a12 12 0 0 1-12-12V20A12 12 0 0 1 34 8z',
		accent: 'M46 43l10 10 19-21',
	},
};
/** @typedef {keyof typeof DRAWINGS} Drawing */

export function drawing(/** @type {Drawing} */ name) {
	const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
	svg.setAttribute('viewBox', '0 0 120 84');
	svg.setAttribute('class', `drawing ${name}`);
	svg.setAttribute('aria-hidden', 'true');
	for (const [part, d] of Object.entries(DRAWINGS[name])) {
		const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
		path.setAttribute('class', part);
		path.setAttribute('d', d);
		svg.append(path);
	}
	return svg;
}
