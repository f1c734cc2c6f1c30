import { el } from './cells.js';
import { drawTable, lendToTable } from './table.js';

const STEP = 300;
const byId = (id) => document.getElementById(id);
const state = {
  version: 0,
  pages: [],
  databases: [],
  users: [],
  titles: new Map(),
  current: null,
  bin: false,
  search: '',
  shown: STEP,
};

async function call(name, ...args) {
  const response = await fetch(`/_sandbox/call/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.message);
  return body.result;
}

let toastTimer;
function toast(message) {
  const box = byId('toast');
  box.textContent = message;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    box.hidden = true;
  }, 6000);
}

/** Does something and shows the result at once, or the refusal. */
async function act(name, ...args) {
  try {
    const result = await call(name, ...args);
    await refresh();
    return result;
  } catch (error) {
    toast(error.message);
    return undefined;
  }
}

const tools = {
  toast,
  redraw: () => draw(),
  users: () => state.users.filter((user) => user.type === 'person'),
  titleOf: (id) => state.titles.get(id) ?? '',
  titlesIn: (dataSourceId) => call('titles', dataSourceId),
};

const currentDatabase = () => state.databases.find((one) => one.dataSourceId === state.current);
lendToTable({ state, act, tools, currentDatabase });

async function refresh() {
  const version = await call('version');
  state.databases = await call('listDatabases');
  if (!state.databases.some((one) => one.dataSourceId === state.current))
    state.current = state.databases[0]?.dataSourceId ?? null;
  await loadTitles();
  state.pages = state.current === null ? [] : await loadPages(state.current);
  state.version = version;
  draw();
}

/** The table's pages, or what the bin keeps: trashed and archived ones. */
async function loadPages(dataSourceId) {
  const live = await call('pages', dataSourceId);
  if (!state.bin) return live.filter((page) => !page.is_archived);
  return [...(await call('trashedPages', dataSourceId)), ...live.filter((page) => page.is_archived)];
}

async function loadTitles() {
  const schema = currentDatabase()?.properties ?? [];
  const targets = schema
    .filter((property) => property.type === 'relation')
    .map((property) => property.relation.data_source_id);
  for (const id of new Set(targets)) {
    for (const { id: page, title } of await call('titles', id)) state.titles.set(page, title);
  }
}

function draw() {
  const database = currentDatabase();
  byId('databases').replaceChildren(
    ...state.databases.map((one) => {
      const count = el('span', { className: 'number', textContent: one.pages });
      const button = el(
        'button',
        { type: 'button', className: 'entry', onclick: () => open(one.dataSourceId) },
        el('span', { textContent: one.title }),
        count,
      );
      button.setAttribute('aria-current', String(one === database));
      return el('li', {}, button);
    }),
  );
  byId('title').textContent = database
    ? `${database.title}${state.bin ? ' · Trash bin' : ''}`
    : 'No databases yet';
  const binned = database ? database.trashed + database.archived : 0;
  byId('bin').textContent = binned > 0 ? `Trash bin (${binned})` : 'Trash bin';
  byId('bin').setAttribute('aria-pressed', String(state.bin));
  byId('new').disabled = !database || state.bin;
  drawTable(database);
}

function open(dataSourceId) {
  state.current = dataSourceId;
  state.shown = STEP;
  refresh();
}

byId('search').addEventListener('input', (event) => {
  state.search = event.target.value.trim().toLowerCase();
  draw();
});
byId('bin').addEventListener('click', () => {
  state.bin = !state.bin;
  refresh();
});
byId('more').addEventListener('click', () => {
  state.shown += STEP;
  draw();
});
byId('new').addEventListener('click', async () => {
  const made = await act('createPage', state.current);
  if (!made) return;
  state.shown = Math.max(state.shown, state.pages.length);
  draw();
  const title = document.querySelector(`tr[data-page="${made.id}"] td.title`);
  title?.scrollIntoView({ block: 'nearest' });
  title?.click();
});

/** Asks for news once a second, and says so when the sandbox is gone. */
async function watch() {
  try {
    if (state.users.length === 0) {
      state.users = await call('users');
      byId('person').textContent = state.users.find((user) => user.type === 'person')?.name ?? 'a person';
    }
    if ((await call('version')) !== state.version) await refresh();
  } catch {
    toast('The sandbox does not answer.');
  }
  setTimeout(watch, 1000);
}

watch();
