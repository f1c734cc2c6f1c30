import { cellText, el, fillCell, isComputed, openEditor, pickButton, popover } from './cells.js';

const GLYPHS = {
  title: 'Aa',
  rich_text: '≡',
  number: '#',
  select: '◉',
  multi_select: '☰',
  status: '◐',
  date: '◷',
  people: '☺',
  checkbox: '☑',
  url: '⌁',
  email: '@',
  phone_number: '☏',
  relation: '↗',
  files: '⎘',
  formula: 'ƒ',
  rollup: '∑',
  unique_id: '№',
};
const NEW_TYPES = [
  'rich_text',
  'number',
  'select',
  'multi_select',
  'status',
  'date',
  'checkbox',
  'url',
  'email',
  'phone_number',
  'people',
];

const byId = (id) => document.getElementById(id);

/** What the page lends: its state, how to act on the sandbox, and the tools of the editors. */
let state;
let act;
let tools;
let currentDatabase;

/** Must come before the first draw. */
export function lendToTable(page) {
  ({ state, act, tools, currentDatabase } = page);
}

/** What stands there: what to compare the next answer with. */
let table = { key: '', rows: new Map() };

/** Shows the database's pages. Rows and cells stay what they are while only their values change. */
export function drawTable(database) {
  const columns = [...(database?.properties ?? [])].sort(
    (a, b) => Number(b.type === 'title') - Number(a.type === 'title'),
  );
  const key = JSON.stringify([
    state.current,
    state.bin,
    columns.map(({ id, name, type }) => [id, name, type]),
  ]);
  if (key !== table.key) {
    table = { key, rows: new Map() };
    byId('rows').replaceChildren();
    byId('heads').replaceChildren(...columns.map(head), lastHead(database));
  }
  const found = state.pages.filter(matches);
  const shown = found.slice(0, state.shown);
  const first = table.rows.size === 0;
  const nodes = shown.map((page) => drawRow(page, columns, first));
  const body = byId('rows');
  // Moving nodes takes the focus from an open editor: touch only what is out of its place.
  nodes.forEach((node, index) => {
    if (body.children[index] !== node) body.insertBefore(node, body.children[index] ?? null);
  });
  while (body.children.length > nodes.length) body.lastElementChild.remove();
  const kept = new Set(shown.map((page) => page.id));
  for (const id of table.rows.keys()) if (!kept.has(id)) table.rows.delete(id);
  byId('count').textContent = `${found.length} ${found.length === 1 ? 'page' : 'pages'}`;
  byId('more').hidden = found.length <= state.shown;
  byId('empty').hidden = found.length > 0;
  byId('empty').textContent = emptyText(database);
}

function emptyText(database) {
  if (!database) return 'Databases show here as soon as a connection creates them.';
  if (state.search) return 'Nothing matches.';
  return state.bin ? 'The trash bin is empty.' : 'No pages yet.';
}

function matches(page) {
  if (state.search === '') return true;
  return Object.values(page.properties).some((value) => cellText(value).toLowerCase().includes(state.search));
}

function head(property) {
  const glyph = el('span', { className: 'glyph', textContent: GLYPHS[property.type] ?? '·' });
  const button = el('button', { type: 'button', title: property.type }, glyph, property.name);
  button.addEventListener('click', () => editHead(button, property));
  const th = el('th', {}, button);
  th.scope = 'col';
  return th;
}

function editHead(button, property) {
  const name = el('input', { value: property.name, ariaLabel: 'property name' });
  name.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    close();
    if (name.value !== property.name) act('renameProperty', state.current, property.name, name.value);
  });
  const remove = pickButton('Delete property', false, () => {
    close();
    act('deleteProperty', state.current, property.name);
  });
  const close = popover(button, name, ...(property.type === 'title' ? [] : [remove]));
}

function lastHead(database) {
  const button = el('button', { type: 'button', textContent: '+', ariaLabel: 'Add a property' });
  button.addEventListener('click', () => {
    const name = el('input', { placeholder: 'Property name', ariaLabel: 'property name' });
    const type = el(
      'select',
      { ariaLabel: 'type' },
      ...NEW_TYPES.map((one) => el('option', { value: one, textContent: one })),
    );
    const add = () => {
      close();
      act('addProperty', database.dataSourceId, name.value, { [type.value]: {} });
    };
    const close = popover(
      button,
      name,
      type,
      el('button', { type: 'button', className: 'primary', textContent: 'Add', onclick: add }),
    );
  });
  return el('th', {}, ...(database && !state.bin ? [button] : []));
}

function drawRow(page, columns, quiet) {
  const known = table.rows.get(page.id);
  const row = known ?? newRow(page, columns);
  table.rows.set(page.id, row);
  columns.forEach((property, index) => {
    const value = page.properties[property.name];
    const td = row.cells[index];
    // Titles of related pages change without the relation itself.
    const look = JSON.stringify([
      value?.[value.type],
      property.type === 'relation' ? value.relation.map(({ id }) => tools.titleOf(id)) : 0,
    ]);
    if (!value || td.dataset.look === look || td.classList.contains('editing')) return;
    fillCell(td, value, tools);
    if (td.dataset.look !== undefined || (!known && !quiet)) flash(td, property.type);
    td.dataset.look = look;
  });
  return row;
}

function flash(td, type) {
  if (type === 'last_edited_time' || type === 'last_edited_by') return;
  td.classList.remove('flash');
  // Reading the layout lets the animation start anew.
  void td.offsetWidth;
  td.classList.add('flash');
}

function newRow(page, columns) {
  const row = el('tr');
  row.dataset.page = page.id;
  for (const property of columns) row.append(newCell(page.id, property));
  const actions = el('td', { className: 'actions' });
  if (state.bin) {
    actions.append(
      el('button', {
        type: 'button',
        textContent: page.is_archived ? 'Unarchive' : 'Restore',
        onclick: () => (page.is_archived ? act('archivePage', page.id, false) : act('restorePage', page.id)),
      }),
      el('button', {
        type: 'button',
        className: 'bare',
        textContent: 'Delete for good',
        onclick: () => act('deleteForever', page.id),
      }),
    );
  } else {
    const trash = el('button', {
      type: 'button',
      className: 'bare',
      textContent: 'Trash',
      onclick: () => act('trashPage', page.id),
    });
    const menu = el('button', {
      type: 'button',
      className: 'bare',
      textContent: '⋯',
      ariaLabel: 'More actions',
    });
    menu.addEventListener('click', () => rowMenu(menu, page.id));
    actions.append(trash, menu);
  }
  row.append(actions);
  return row;
}

function rowMenu(anchor, pageId) {
  const choice = (label, name, ...args) =>
    pickButton(label, false, () => {
      close();
      act(name, pageId, ...args);
    });
  const page = state.pages.find((one) => one.id === pageId);
  const others = state.databases.filter((one) => one.dataSourceId !== state.current);
  const close = popover(
    anchor,
    choice('Duplicate', 'duplicatePage'),
    choice('Archive', 'archivePage'),
    page?.shared === false
      ? choice('Share with the connection', 'share')
      : choice('Stop sharing with the connection', 'unshare'),
    ...others.map((one) => choice(`Move to ${one.title}`, 'movePage', one.dataSourceId)),
  );
}

function newCell(pageId, property) {
  const td = el('td', { className: property.type });
  td.dataset.property = property.name;
  if (isComputed(property.type) || state.bin) {
    td.classList.add('computed');
    return td;
  }
  td.classList.add('editable');
  td.tabIndex = 0;
  const edit = () => {
    const value = state.pages.find((page) => page.id === pageId)?.properties[property.name];
    const schema = currentDatabase()?.properties.find((one) => one.id === property.id);
    if (!value || !schema || td.classList.contains('editing')) return;
    const save = (next) => act('editPage', pageId, { [property.name]: { [property.type]: next } });
    openEditor(td, schema, value, save, tools);
  };
  td.addEventListener('click', (event) => {
    event.preventDefault();
    edit();
  });
  td.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    edit();
  });
  return td;
}
