import { el, fillCell, isComputed } from './cells.js';
import { state } from './data.js';
import { openEditor } from './editors.js';
import {
  drawnIndices,
  focusActive,
  focusBeside,
  idAt,
  lendToGrid,
  ROW,
  settleFocus,
  watchKeys,
} from './grid.js';
import { commentsMenu, headMenu, newPropertyMenu, rowMenu } from './menus.js';
import { onReturn } from './popover.js';

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
const WIDTHS = {
  title: 250,
  rich_text: 230,
  number: 110,
  checkbox: 90,
  select: 140,
  status: 140,
  multi_select: 200,
  date: 170,
  unique_id: 100,
  people: 170,
  relation: 200,
};
const NARROW = matchMedia('(max-width: 720px)');
/** The property that tells of refused edits stands beside the title, where a person sees it. */
const STATUS = /^sync status$/i;

const byId = (id) => document.getElementById(id);

/** What the page lends: how to act on the sandbox, to order the table, and to say something. */
let page;
let shown = { key: '', columns: [], rows: new Map() };

export function lendToTable(lent) {
  page = { ...lent, comments: (anchor, row) => commentsMenu(anchor, row, lent) };
  lendToGrid({ draw: drawTable });
  onReturn((anchor) => (anchor.closest('#grid') ? focusActive() : anchor.focus()));
  byId('grid').role = 'grid';
  watchKeys(activate);
  NARROW.addEventListener('change', drawTable);
  byId('rows').addEventListener('click', onClick);
}

function columnsNow() {
  const rank = ({ type, name }) => (type === 'title' ? 0 : STATUS.test(name) ? 1 : 2);
  const properties = state.properties
    .map((property, place) => ({ key: property.id, kind: 'property', property, place }))
    .sort((a, b) => rank(a.property) - rank(b.property));
  const [title, ...rest] = properties;
  const comments = { key: '#comments', kind: 'comments' };
  return title ? [title, comments, ...rest, { key: '#actions', kind: 'actions' }] : [];
}

function widthOf({ kind, property }) {
  if (kind === 'comments') return 46;
  if (kind === 'actions') return NARROW.matches ? 52 : state.bin ? 200 : 110;
  if (property.type === 'title' && NARROW.matches) return 150;
  // Names of the usual lengths are read whole.
  const named = Math.min(230, 46 + 8 * property.name.length);
  return Math.max(WIDTHS[property.type] ?? 170, named);
}

/** Shows the rows in view. Rows and cells stay what they are while only their values change. */
export function drawTable() {
  const columns = columnsNow();
  const widths = columns.map(widthOf);
  const key = JSON.stringify([
    state.current,
    state.bin,
    state.sort,
    columns.map(({ property }) => [property?.id, property?.name, property?.type]),
  ]);
  if (key !== shown.key) {
    shown = { key, columns, rows: new Map() };
    byId('rows').replaceChildren();
    byId('heads').replaceChildren(...columns.map(head));
  }
  shown.columns = columns;
  byId('widths').replaceChildren(
    ...widths.map((width) => {
      const col = el('col');
      col.style.width = `${width}px`;
      return col;
    }),
  );
  byId('grid').style.width = `${widths.reduce((sum, width) => sum + width, 0)}px`;
  byId('grid').ariaRowCount = String(state.total + 1);
  byId('grid').ariaColCount = String(columns.length);
  byId('grid').hidden = columns.length === 0;
  const hadFocus = byId('grid').contains(document.activeElement);
  place(rowNodes(drawnIndices()));
  settleFocus(hadFocus);
}

/** The rows with empty ones between, which are as high as the rows that are not drawn. */
function rowNodes(indices) {
  const nodes = [];
  const kept = new Set();
  let at = 0;
  for (const index of indices) {
    if (index > at) nodes.push(spacer(index - at));
    const id = idAt(index);
    const row = id === undefined ? undefined : state.rows.get(id);
    if (row) kept.add(id);
    nodes.push(row ? drawRow(row, index) : unknownRow());
    at = index + 1;
  }
  if (at < state.total) nodes.push(spacer(state.total - at));
  for (const id of shown.rows.keys()) if (!kept.has(id)) shown.rows.delete(id);
  return nodes;
}

function emptyRow(className, height) {
  const td = el('td');
  td.colSpan = Math.max(1, shown.columns.length);
  td.style.height = `${height}px`;
  const tr = el('tr', { className, ariaHidden: 'true' }, td);
  return tr;
}
const spacer = (count) => emptyRow('spacer', count * ROW);
const unknownRow = () => emptyRow('unknown', ROW);

/** Moving a node takes the focus from an open editor: touches only what is out of its place. */
function place(nodes) {
  const body = byId('rows');
  const wanted = new Set(nodes);
  for (const node of [...body.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, index) => {
    const there = body.children[index] ?? null;
    if (there === node) return;
    if (node.isConnected && body.moveBefore) body.moveBefore(node, there);
    else body.insertBefore(node, there);
  });
}

function head(column, index) {
  const th = el('th', { scope: 'col', role: 'columnheader', ariaColIndex: String(index + 1) });
  th.dataset.key = column.key;
  const button = el('button', { type: 'button', tabIndex: -1 });
  if (column.kind === 'comments') {
    button.append(el('span', { className: 'speech', ariaHidden: 'true' }));
    button.ariaLabel = 'Comments';
    button.title = 'Comments: shows only pages that have some';
    button.addEventListener('click', page.toggleNoted);
  } else if (column.kind === 'actions') {
    button.append(state.bin ? '' : '+');
    button.ariaLabel = state.bin ? 'Actions' : 'Add a property';
    button.addEventListener('click', () => {
      if (!state.bin) newPropertyMenu(button, page);
    });
  } else {
    const { property } = column;
    const glyph = el('span', {
      className: 'glyph',
      textContent: GLYPHS[property.type] ?? '·',
      ariaHidden: 'true',
    });
    button.append(glyph, property.name);
    button.title = property.type;
    const sorted = state.sort?.property === property.id ? state.sort.direction : null;
    if (sorted) {
      th.ariaSort = sorted;
      button.append(el('span', { textContent: sorted === 'ascending' ? ' ↑' : ' ↓', ariaHidden: 'true' }));
    }
    button.addEventListener('click', () => headMenu(button, property, page));
  }
  th.append(button);
  return th;
}

function drawRow(row, index) {
  const known = shown.rows.get(row.id);
  const tr = known ?? newRow(row);
  shown.rows.set(row.id, tr);
  tr.dataset.index = index;
  tr.ariaRowIndex = String(index + 2);
  tr.classList.toggle('noted', row.noted);
  shown.columns.forEach((column, at) => {
    const td = tr.children[at];
    const look = JSON.stringify(lookOf(column, row));
    if (td.dataset.look === look) return;
    fill(td, column, row);
    if (td.dataset.look !== undefined || state.fresh.has(row.id)) flash(td, column);
    td.dataset.look = look;
  });
  state.fresh.delete(row.id);
  return tr;
}

const lookOf = ({ kind, place }, row) =>
  kind === 'property' ? [row.cells[place], row.shared] : kind === 'comments' ? row.comments : row.archived;

function newRow(row) {
  const tr = el('tr', { role: 'row' });
  tr.dataset.page = row.id;
  shown.columns.forEach(({ key, kind, property }, index) => {
    const td = el('td', { role: 'gridcell', tabIndex: -1, ariaColIndex: String(index + 1) });
    td.dataset.key = key;
    td.className = property?.type ?? kind;
    if (property) td.dataset.property = property.name;
    if (property && (isComputed(property.type) || state.bin)) {
      td.classList.add('computed');
      td.ariaReadOnly = 'true';
    } else if (property) td.classList.add('editable');
    if (property && STATUS.test(property.name)) td.classList.add('told');
    td.append(el('div', { className: 'cell' }));
    tr.append(td);
  });
  return tr;
}

function fill(td, { kind, property, place }, row) {
  const box = td.firstElementChild;
  if (kind === 'property') {
    fillCell(box, property, row.cells[place]);
    if (property.type === 'title' && !row.shared)
      box.append(el('span', { className: 'chip unshared', textContent: 'not shared' }));
  } else if (kind === 'comments') {
    const many = row.comments === 1 ? '1 comment' : `${row.comments} comments`;
    box.replaceChildren(
      row.comments > 0
        ? el('span', { className: 'bubble', textContent: String(row.comments), title: many })
        : '',
    );
    td.ariaLabel = many;
  } else {
    box.replaceChildren(...actions(row));
  }
}

function actions(row) {
  const button = (textContent, className, name, ...args) => {
    const made = el('button', { type: 'button', className, textContent, tabIndex: -1 });
    made.addEventListener('click', (event) => {
      event.stopPropagation();
      page.act(name, row.id, ...args);
    });
    return made;
  };
  const menu = el('button', { type: 'button', className: 'bare menu', textContent: '⋯', tabIndex: -1 });
  menu.ariaLabel = 'More actions';
  if (!state.bin) return [button('Trash', 'bare wide', 'trashPage'), menu];
  const back = row.archived
    ? button('Unarchive', 'wide', 'archivePage', false)
    : button('Restore', 'wide', 'restorePage');
  return [back, button('Delete', 'bare wide', 'deleteForever'), menu];
}

function flash(td, { kind, property }) {
  if (kind === 'actions' || property?.type === 'last_edited_time' || property?.type === 'last_edited_by')
    return;
  td.classList.remove('flash');
  // Reading the layout lets the animation start anew.
  void td.offsetWidth;
  td.classList.add('flash');
}

function onClick(event) {
  const td = event.target.closest('td');
  if (!td?.dataset.key) return;
  event.preventDefault();
  if (!td.contains(document.activeElement)) td.focus({ preventScroll: true });
  activate(td);
}

/** Opens what a cell has to offer: its editor, its page's comments, or what can be done to the page. */
export function activate(td) {
  const row = state.rows.get(td.parentElement.dataset.page);
  const column = shown.columns.find(({ key }) => key === td.dataset.key);
  if (!row || !column) return;
  if (column.kind === 'comments') page.comments(td, row);
  else if (column.kind === 'actions') rowMenu(td, row, page);
  else if (td.classList.contains('editable')) edit(td, row, column);
}

async function edit(td, row, { property, place }) {
  const current = state.properties.find((one) => one.id === property.id) ?? property;
  const save = (next) => page.act('editPage', row.id, { [property.name]: { [property.type]: next } });
  const move = (step) => (step === 0 ? focusActive() : focusBeside(step));
  try {
    await openEditor(td, {
      row,
      property: current,
      cell: row.cells[place],
      save,
      move,
      toast: page.toast,
    });
  } catch (error) {
    page.toast(error.message);
  }
}
