import { load, state } from './data.js';

/** Of a row, in pixels, as the style sheet has it: all are equally high, so that a row's place follows from its number. */
export const ROW = 44;
const HEAD = 36;
/** How many rows are drawn, and how many are fetched, beyond those in view. */
const DRAWN_MORE = 4;
const FETCHED_MORE = 12;

const byId = (id) => document.getElementById(id);
const scroller = () => byId('scroll');

/** The one cell that Tab leads to: -1 is the row of the heads. */
const active = { index: -1, column: 'title' };
let wantsFocus = false;
let redraw = () => undefined;

const lastIndex = () => state.total - 1;

export function lendToGrid({ draw }) {
  redraw = draw;
}

/** The page that stands at that place, if the window or the kept row tells. */
export const idAt = (index) =>
  state.ids[index - state.first] ?? (index === active.index ? (state.kept ?? undefined) : undefined);

function inView() {
  const { scrollTop, clientHeight } = scroller();
  const first = Math.max(0, Math.floor(scrollTop / ROW));
  const count = Math.ceil(Math.max(0, clientHeight - HEAD) / ROW) + 1;
  return { first: Math.min(first, Math.max(0, state.total - 1)), count };
}

/** The places whose rows are to stand in the document: those in view, and the one that holds the focus. */
export function drawnIndices() {
  const { first, count } = inView();
  const from = Math.max(0, first - DRAWN_MORE);
  const to = Math.min(state.total, first + count + DRAWN_MORE);
  const indices = Array.from({ length: Math.max(0, to - from) }, (_, step) => from + step);
  const { index } = active;
  if (index >= 0 && index < state.total && (index < from || index >= to)) indices.push(index);
  return indices.sort((a, b) => a - b);
}

/** What to ask the sandbox for, so that all rows in view are known. */
export function windowInView(more = DRAWN_MORE) {
  const { first, count } = inView();
  const offset = Math.max(0, first - more);
  return { offset, limit: Math.min(200, first + count + more - offset) };
}

let asking = null;

/** Fetches the rows in view unless they are known or on their way. */
export async function fetchMissing() {
  const { first, count } = inView();
  const from = Math.min(first, state.total);
  const to = Math.min(state.total, first + count);
  const covers = (at, size) => at <= from && at + size >= to;
  if (covers(state.first, state.ids.length)) return;
  if (asking !== null && covers(asking.offset, asking.limit)) return;
  asking = windowInView(FETCHED_MORE);
  const mine = asking;
  try {
    await load(mine);
  } finally {
    if (asking === mine) asking = null;
  }
  redraw();
}

const headAt = (column) => document.querySelector(`#heads th[data-key="${CSS.escape(column)}"] button`);
const cellAt = (index, column) =>
  document.querySelector(`#rows tr[data-index="${index}"] td[data-key="${CSS.escape(column)}"]`);
const activeNode = () => (active.index < 0 ? headAt(active.column) : cellAt(active.index, active.column));

/** Takes the focus to a cell, which may have to be scrolled to, drawn, or fetched first. */
export function focusAt(index, column = active.column) {
  if (index !== active.index) state.kept = state.ids[index - state.first] ?? null;
  Object.assign(active, { index, column });
  wantsFocus = true;
  if (index >= 0) {
    const top = index * ROW;
    const { scrollTop, clientHeight } = scroller();
    if (top < scrollTop) scroller().scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight - HEAD)
      scroller().scrollTop = top + ROW - (clientHeight - HEAD);
  }
  redraw();
  fetchMissing();
}

/** Puts a row into the middle of what is in view. */
export function scrollTo(index) {
  scroller().scrollTop = Math.max(0, index * ROW - scroller().clientHeight / 2);
}

/** Before other rows are shown: they are seen from their first. */
export function forgetPlace() {
  state.kept = null;
  active.index = -1;
  scroller().scrollTop = 0;
}

export const focusActive = () => focusAt(active.index);

export function focusBeside(step) {
  const keys = columnKeys();
  const at = Math.max(0, Math.min(keys.length - 1, keys.indexOf(active.column) + step));
  focusAt(active.index, keys[at]);
}

const columnKeys = () => [...byId('heads').children].map((th) => th.dataset.key);

/** After each drawing: exactly one cell takes part in the order of Tab, and the focus goes where it is due. */
export function settleFocus(hadFocus) {
  const lostFocus = hadFocus && !byId('grid').contains(document.activeElement);
  if (active.index > lastIndex()) active.index = lastIndex();
  if (!columnKeys().includes(active.column)) active.column = columnKeys()[0] ?? 'title';
  const kept = idAt(active.index);
  if (kept !== undefined) state.kept = kept;
  for (const node of document.querySelectorAll('#grid [tabindex="0"]')) node.tabIndex = -1;
  const node = activeNode();
  const stop = node ?? document.querySelector('#heads button');
  if (stop) stop.tabIndex = 0;
  if (!node || !(wantsFocus || lostFocus)) return;
  wantsFocus = false;
  node.focus({ preventScroll: true });
  (node.closest('td, th') ?? node).scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

/** After new rows came: the active cell stays with its page. */
export function followPage() {
  const at = state.ids.indexOf(state.kept);
  if (at !== -1 && active.index >= 0) active.index = state.first + at;
}

function onMove(event) {
  const { index } = active;
  const page = Math.max(1, inView().count - 2);
  const ctrl = event.ctrlKey || event.metaKey;
  const keys = columnKeys();
  const down = (step) => focusAt(Math.max(-1, Math.min(lastIndex(), index + step)));
  const moves = {
    ArrowDown: () => down(ctrl ? state.total : 1),
    ArrowUp: () => down(ctrl ? -index : -1),
    ArrowRight: () => focusBeside(1),
    ArrowLeft: () => focusBeside(-1),
    PageDown: () => down(page),
    PageUp: () => focusAt(Math.max(Math.min(0, lastIndex()), index - page)),
    Home: () => focusAt(ctrl ? Math.min(0, lastIndex()) : index, keys[0]),
    End: () => focusAt(ctrl ? lastIndex() : index, keys.at(-1)),
  };
  const move = moves[event.key];
  if (move === undefined) return false;
  event.preventDefault();
  move();
  return true;
}

/** Moves by keys, and opens what the active cell has to offer; `activate` takes a body cell. */
export function watchKeys(activate) {
  const grid = byId('grid');
  grid.addEventListener('focusin', ({ target }) => {
    const cell = target.closest('td, th');
    if (!cell?.dataset.key) return;
    const index = Number(cell.parentElement.dataset.index ?? -1);
    Object.assign(active, { index, column: cell.dataset.key });
    wantsFocus = false;
    if (index >= 0) state.kept = cell.parentElement.dataset.page ?? null;
    for (const node of grid.querySelectorAll('[tabindex="0"]')) node.tabIndex = -1;
    const stop = activeNode();
    if (stop) stop.tabIndex = 0;
  });
  grid.addEventListener('keydown', (event) => {
    if (event.altKey || onMove(event)) return;
    const td = event.target.closest('td');
    if (td === null || !['Enter', ' ', 'F2'].includes(event.key) || event.target !== td) return;
    event.preventDefault();
    activate(td);
  });
  let drawing = 0;
  scroller().addEventListener('scroll', () => {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(() => {
      redraw();
      fetchMissing();
    });
  });
  addEventListener('resize', () => {
    redraw();
    fetchMissing();
  });
}
