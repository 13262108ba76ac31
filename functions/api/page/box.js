// A box on a picture, drawn, moved and resized with mouse, touch or keys. Fractions of the picture.

import { el } from './dom.js';

const LEAST = 0.06;
const STEP = 0.02;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// Put a box into `frame`, which the picture fills. `onchange` hears of it when a hand is lifted.
export function boxOn(frame, start, onchange) {
  let part = start;
  let timer = 0;
  const handles = ['nw', 'ne', 'sw', 'se'].map((corner) => el('i', { 'data-corner': corner }));
  const box = el('button', { type: 'button', class: 'box', 'aria-describedby': 'box-help' }, handles);
  const shade = el('div', { class: 'shade' });
  const help = el('span', { id: 'box-help', class: 'unseen' },
    'Arrow keys move the box, with Shift they change its size.');

  function draw() {
    const { x, y, width, height } = part;
    for (const [side, value] of Object.entries({ '--x': x, '--y': y, '--w': width, '--h': height })) {
      frame.style.setProperty(side, `${value * 100}%`); // of the picture: left is left everywhere
    }
    const words = [['left', x], ['top', y], ['wide', width], ['high', height]];
    box.setAttribute('aria-label', `Part to search with: ${words.map(([w, v]) => `${w} ${Math.round(v * 100)} %`).join(', ')}`);
  }

  function place(x, y, width, height) {
    width = clamp(width, LEAST, 1);
    height = clamp(height, LEAST, 1);
    part = { x: clamp(x, 0, 1 - width), y: clamp(y, 0, 1 - height), width, height };
    draw();
  }

  const between = (a, b) => place(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));

  function at(event) {
    const { left, top, width, height } = frame.getBoundingClientRect();
    return { x: clamp((event.clientX - left) / width, 0, 1), y: clamp((event.clientY - top) / height, 0, 1) };
  }

  frame.onpointerdown = (down) => {
    if (down.button !== 0) return;
    down.preventDefault();
    frame.setPointerCapture(down.pointerId);
    const from = at(down);
    const was = part;
    const corner = down.target.dataset?.corner;
    const right = was.x + was.width;
    const bottom = was.y + was.height;
    const fixed = corner && { x: corner[1] === 'w' ? right : was.x, y: corner[0] === 'n' ? bottom : was.y };
    const moving = !corner && box.contains(down.target);
    frame.onpointermove = (event) => {
      const to = at(event);
      if (moving) place(was.x + to.x - from.x, was.y + to.y - from.y, was.width, was.height);
      else between(fixed || from, to);
    };
    frame.onpointerup = frame.onpointercancel = () => {
      frame.onpointermove = frame.onpointerup = frame.onpointercancel = null;
      box.focus({ preventScroll: true });
      if (part !== was) onchange(part);
    };
  };

  box.addEventListener('keydown', (event) => {
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    if (x === undefined) return;
    event.preventDefault();
    if (event.shiftKey) place(part.x, part.y, part.width + x * STEP, part.height + y * STEP);
    else place(part.x + x * STEP, part.y + y * STEP, part.width, part.height);
    clearTimeout(timer);
    timer = setTimeout(() => onchange(part), 500);
  });

  draw();
  frame.classList.add('boxed');
  frame.append(shade, box, help);
  return {
    focus: () => box.focus({ preventScroll: true }),
    place: (to) => { part = to; draw(); },
    remove() {
      clearTimeout(timer);
      frame.onpointerdown = null;
      frame.classList.remove('boxed');
      for (const each of [shade, box, help]) each.remove();
    },
  };
}
