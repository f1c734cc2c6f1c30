import { el } from './cells.js';
import { call, change, listen, load, lookElsewhere, state, stopListening } from './data.js';
import { fetchMissing, focusAt, followPage, forgetPlace, scrollTo, windowInView } from './grid.js';
import { activate, drawTable, lendToTable } from './table.js';

const byId = (id) => document.getElementById(id);
const TOAST_MS = 8_000;
const MOST_TOASTS = 3;
/** Many changes in a row are shown a few times a second. */
const RELOAD_MS = 200;

function toast(message, { className = '', action = null } = {}) {
  const close = el('button', { type: 'button', className: 'bare', textContent: '✕', ariaLabel: 'Dismiss' });
  const box = el('div', { className: `toast ${className}` }, el('p', { textContent: message }));
  if (action) box.append(el('button', { type: 'button', textContent: 'Show', onclick: action }));
  box.append(close);
  const end = () => box.remove();
  close.addEventListener('click', end);
  setTimeout(end, action ? 2 * TOAST_MS : TOAST_MS);
  byId('toasts').append(box);
  while (byId('toasts').children.length > MOST_TOASTS) byId('toasts').firstElementChild.remove();
}

/** Does something; the feed shows the result. Shows the refusal. */
async function act(name, ...args) {
  try {
    return (await change(name, ...args)) ?? {};
  } catch (error) {
    toast(error.message);
    return undefined;
  }
}

const currentDatabase = () => state.databases.find((one) => one.dataSourceId === state.current);

function draw() {
  drawList();
  const database = currentDatabase();
  byId('title').textContent = database
    ? `${database.title}${state.bin ? ' · Trash bin' : ''}`
    : 'No databases yet';
  document.title = database ? `${database.title} · Notion sandbox` : 'Notion sandbox';
  byId('count').textContent =
    `${state.total.toLocaleString('en-US')} ${state.total === 1 ? 'page' : 'pages'}`;
  const binned = database ? database.trashed + database.archived : 0;
  byId('bin').textContent = binned > 0 ? `Trash bin (${binned})` : 'Trash bin';
  byId('bin').ariaPressed = String(state.bin);
  byId('noted').textContent = state.notedTotal > 0 ? `Notes (${state.notedTotal})` : 'Notes';
  byId('noted').ariaPressed = String(state.noted);
  byId('new').disabled = !database || state.bin;
  byId('empty').hidden = state.total > 0;
  byId('empty').textContent = emptyText(database);
  drawTable();
}

function emptyText(database) {
  if (!database) return 'Databases show here as soon as a connection creates them.';
  if (state.search) return 'Nothing matches.';
  if (state.noted) return 'No page has a comment or tells of a refused edit.';
  return state.bin ? 'The trash bin is empty.' : 'No pages yet.';
}

const entries = new Map();

function drawList() {
  const nodes = state.databases.map((one) => {
    const entry = entries.get(one.dataSourceId) ?? newEntry(one.dataSourceId);
    entries.set(one.dataSourceId, entry);
    const [name, number] = entry.button.children;
    name.textContent = one.title;
    number.textContent = one.pages.toLocaleString('en-US');
    if (one.dataSourceId === state.current) entry.button.ariaCurrent = 'true';
    else entry.button.removeAttribute('aria-current');
    return entry.li;
  });
  const list = byId('databases');
  if (nodes.length !== list.children.length || nodes.some((node, index) => list.children[index] !== node))
    list.replaceChildren(...nodes);
}

function newEntry(dataSourceId) {
  const button = el(
    'button',
    { type: 'button', className: 'entry', onclick: () => open(dataSourceId) },
    el('span'),
    el('span', { className: 'number' }),
  );
  return { li: el('li', {}, button), button };
}

let reloading;
let reloadedAt = 0;
let withSchema = false;

/** Asks for the window again, at most a few times a second. */
function reload(schema = false) {
  withSchema ||= schema;
  if (reloading !== undefined) return;
  const wait = Math.max(0, reloadedAt + RELOAD_MS - performance.now());
  reloading = setTimeout(() => {
    reloading = undefined;
    reloadedAt = performance.now();
    const wanted = withSchema;
    withSchema = false;
    show({ ...windowInView(), schema: wanted });
  }, wait);
}

/** Loads and draws. The window may have moved on by then, or the table have become shorter. */
async function show(wanted) {
  try {
    if (state.current !== null && !(await load(wanted))) return false;
    followPage();
    draw();
    if (wanted.around !== undefined) {
      scrollTo(state.first + state.ids.indexOf(wanted.around));
      drawTable();
    }
    state.fresh.clear();
    await fetchMissing();
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

/** Looks at other rows: from their first, or from the page that is to be seen. */
async function look(changes, around) {
  Object.assign(state, changes);
  lookElsewhere();
  forgetPlace();
  return show({ ...windowInView(), around, schema: 'current' in changes });
}

async function open(dataSourceId) {
  history.replaceState(null, '', dataSourceId === null ? '#' : `#${dataSourceId}`);
  byId('search').value = '';
  const blank = { properties: [], total: 0, notedTotal: 0, ids: [], rows: new Map(), kept: null };
  const same = { current: dataSourceId, search: '', sort: null, noted: false };
  listen(dataSourceId, { changed, lost, found });
  await look({ ...same, ...blank });
}

/** The table that the address names, or the first. */
function choose() {
  const ids = state.databases.map((one) => one.dataSourceId);
  const named = location.hash.slice(1);
  return ids.includes(named) ? named : (ids[0] ?? null);
}

function changed(event) {
  if (!currentDatabase()) {
    const next = choose();
    if (next !== state.current) {
      open(next);
      return;
    }
  }
  for (const comment of event.comments) tellComment(comment);
  if (state.current !== null && (event.reload || event.schema)) reload(event.schema);
  if (event.schema) loadUsers();
  draw();
}

/** A comment may be what the connection has to say of a person's edit. */
function tellComment({ pageId, author, text }) {
  if (author === byId('person').textContent) return;
  toast(`${author}: ${text}`, { className: 'comment', action: () => showComments(pageId) });
}

async function showComments(pageId) {
  byId('search').value = '';
  if (!(await look({ search: '', noted: false, bin: false }, pageId))) return;
  const index = state.first + state.ids.indexOf(pageId);
  focusAt(index, '#comments');
  const td = document.querySelector(`tr[data-page="${pageId}"] td[data-key="#comments"]`);
  if (td) activate(td);
}

let isLost = false;
function lost() {
  if (!isLost) toast('The sandbox does not answer.');
  isLost = true;
}
function found() {
  isLost = false;
  toast('The sandbox answers again.');
  reload(true);
}

async function newPage() {
  byId('new').disabled = true;
  const made = await act('createPage', state.current);
  byId('search').value = '';
  if (!made || !(await look({ search: '', noted: false }, made.id))) return draw();
  const title = state.properties.find((property) => property.type === 'title');
  focusAt(state.first + state.ids.indexOf(made.id), title?.id);
  const td = document.querySelector(`tr[data-page="${made.id}"] td.title`);
  if (td) activate(td);
}

async function loadUsers() {
  state.users = await call('users');
  byId('person').textContent = state.users.find((user) => user.type === 'person')?.name ?? 'a person';
}

const toggleNoted = () => look({ noted: !state.noted });
lendToTable({ act, toast, sort: (sort) => look({ sort }), toggleNoted });

let typing;
byId('search').addEventListener('input', ({ target }) => {
  clearTimeout(typing);
  typing = setTimeout(() => look({ search: target.value.trim() }), 120);
});
byId('bin').addEventListener('click', () => look({ bin: !state.bin }));
byId('noted').addEventListener('click', toggleNoted);
byId('new').addEventListener('click', newPage);

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    stopListening();
    return;
  }
  listen(state.current, { changed, lost, found });
  reload(true);
});

listen(null, { changed, lost, found });
loadUsers().catch(lost);
