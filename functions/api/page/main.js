// Joins the parts: which view is shown, and what comes in from anywhere on the page.

import { learnScope } from './actions.js';
import { answer, leave } from './answer.js';
import { $, icon } from './dom.js';
import { note } from './dialogs.js';
import { limits } from './gallery.js';
import { key, keys, use } from './key.js';
import { forgetQuery, showQuery } from './query.js';
import { begin, changes, follow, hasQuery, now, read, show } from './state.js';
import { listen, searchWith, showSamples } from './start.js';

const VIEWS = { search: 'Lookalike', duplicates: 'Duplicates · Lookalike', add: 'Add pictures · Lookalike' };
const loaded = {};
let sampled = false;

async function draw() {
  const view = VIEWS[now.view] ? now.view : 'search';
  const searching = view === 'search' && hasQuery(now);
  document.title = VIEWS[view];
  for (const name of Object.keys(VIEWS)) {
    $(`#${name}`).hidden = name !== view;
    const link = $(`nav [data-go=${name}]`);
    if (name === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  $('#start').hidden = searching;
  $('#found').hidden = !searching;
  if (searching) {
    showQuery(now);
    await answer(now);
    return;
  }
  leave();
  loaded.duplicates?.leave();
  forgetQuery();
  if (view !== 'search') {
    loaded[view] ??= await import(`./${view}.js`);
    loaded[view].enter(now);
  } else if (!sampled) {
    sampled = true;
    await showSamples();
  }
}

// A key in use shows what it may do, and can be put away.
async function showKey() {
  const place = $('#key-button');
  place.hidden = !key();
  if (!key()) return;
  const { scope } = await limits({ quiet: true }).catch(() => ({ scope: 'not known here' }));
  place.replaceChildren(icon('key'), `Key: ${scope}`);
  place.title = 'Forget this key';
  place.setAttribute('aria-label', `The key in use may ${scope}. Forget it`);
}

function onFiles(files) {
  if (!files.length) return;
  if (now.view === 'add') loaded.add?.take(files);
  else searchWith(files);
}

async function onPaste(event) {
  const files = [...event.clipboardData.files];
  if (files.length) return onFiles(files);
  if (event.target.closest?.('input, textarea')) return;
  const text = event.clipboardData.getData('text').trim();
  if (/^https?:\/\/\S+$/.test(text)) {
    if ((await limits()).urls) begin({ url: text });
    else note('This gallery does not fetch pictures from addresses. Save the picture and drop it here.');
  }
  else note('There is no picture on the clipboard.');
}

function onDrag() {
  const cover = $('#cover');
  let leaving = 0;
  const hide = () => { cover.hidden = true; };
  addEventListener('dragover', (event) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    clearTimeout(leaving);
    $('p', cover).textContent = now.view === 'add' ? 'Drop to add' : 'Drop to find its lookalikes';
    cover.hidden = false;
  });
  addEventListener('dragleave', () => { leaving = setTimeout(hide, 120); });
  addEventListener('drop', async (event) => {
    event.preventDefault();
    hide();
    if (now.view === 'add') loaded.add?.takeDropped(event.dataTransfer);
    else onFiles([...event.dataTransfer.files]);
  });
}

function onLinks(event) {
  const link = event.target.closest('a[data-go]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(link.dataset.go);
  scrollTo({ top: 0 });
}

addEventListener('unhandledrejection', ({ reason }) => {
  if (/dynamically imported|module script/.test(reason?.message)) note('The page was renewed meanwhile. Load it again.');
});
document.addEventListener('click', onLinks);
document.addEventListener('paste', onPaste);
changes.addEventListener('change', draw);
keys.addEventListener('change', () => { learnScope(); showKey(); });
$('#key-button').onclick = () => { use(null); sampled = false; location.assign('/'); };
onDrag();
listen();
follow();
read();
showKey();
learnScope();
draw();
