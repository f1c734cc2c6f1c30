import { el, shownTime } from './cells.js';
import { call, state } from './data.js';
import { pickButton, popover } from './popover.js';

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

/** Of a column: its order, its name, and its end. `act` changes something, `sort` orders the table. */
export function headMenu(button, property, { act, sort }) {
  const name = el('input', { value: property.name, ariaLabel: 'property name' });
  name.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    close();
    if (name.value !== property.name) act('renameProperty', state.current, property.name, name.value);
  });
  const choice = (label, direction) => {
    const is = state.sort?.property === property.id && state.sort.direction === direction;
    return pickButton(label, is, () => {
      close();
      sort(is ? null : { property: property.id, direction });
    });
  };
  const remove = pickButton('Delete property', null, () => {
    close();
    act('deleteProperty', state.current, property.name);
  });
  const close = popover(
    button,
    property.name,
    name,
    choice('Sort ascending', 'ascending'),
    choice('Sort descending', 'descending'),
    ...(property.type === 'title' ? [] : [remove]),
  );
}

export function newPropertyMenu(button, { act }) {
  const name = el('input', { placeholder: 'Property name', ariaLabel: 'property name' });
  const type = el(
    'select',
    { ariaLabel: 'type' },
    ...NEW_TYPES.map((one) => el('option', { value: one, textContent: one })),
  );
  const add = () => {
    close();
    act('addProperty', state.current, name.value, { [type.value]: {} });
  };
  name.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') add();
  });
  const close = popover(
    button,
    'Add a property',
    name,
    type,
    el('button', { type: 'button', className: 'primary', textContent: 'Add', onclick: add }),
  );
}

/** What can be done to a page as a whole. */
export function rowMenu(anchor, row, { act, comments }) {
  const choice = (label, name, ...args) =>
    pickButton(label, null, () => {
      close();
      act(name, row.id, ...args);
    });
  const others = state.databases.filter((one) => one.dataSourceId !== state.current);
  const live = [
    choice('Duplicate', 'duplicatePage'),
    choice('Archive', 'archivePage'),
    row.shared
      ? choice('Stop sharing with the connection', 'unshare')
      : choice('Share with the connection', 'share'),
    ...others.map((one) => choice(`Move to ${one.title}`, 'movePage', one.dataSourceId)),
    choice('Move to trash', 'trashPage'),
  ];
  const binned = [
    row.archived ? choice('Unarchive', 'archivePage', false) : choice('Restore', 'restorePage'),
    choice('Delete for good', 'deleteForever'),
  ];
  const read = pickButton(row.comments > 0 ? `Comments (${row.comments})` : 'Comment', null, () => {
    close(false);
    comments(anchor, row);
  });
  const close = popover(anchor, 'Page', read, ...(state.bin ? binned : live));
}

const comment = ({ rich_text: runs, created_time: at, display_name: by }) =>
  el(
    'li',
    {},
    el('strong', { textContent: by.resolved_name ?? 'Somebody' }),
    ' ',
    el('time', { className: 'quiet', dateTime: at, textContent: shownTime(at) }),
    el('p', { textContent: runs.map((run) => run.plain_text).join('') }),
  );

/** A page's comments, by which the connection says why it refused an edit, and a box to write one. */
export async function commentsMenu(anchor, row, { act, toast }) {
  const list = el('ul', { className: 'thread' });
  const show = async () => list.replaceChildren(...(await call('comments', row.id)).map(comment));
  try {
    await show();
  } catch (error) {
    toast(error.message);
    return;
  }
  const empty = el('p', {
    className: 'quiet',
    textContent: 'No comments yet.',
    hidden: list.children.length > 0,
  });
  const box = el('textarea', { rows: 2, placeholder: 'Write a comment', ariaLabel: 'comment' });
  const send = async () => {
    if (box.value.trim() === '' || !(await act('addComment', row.id, box.value))) return;
    box.value = '';
    empty.hidden = true;
    await show();
  };
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  popover(
    anchor,
    'Comments',
    list,
    empty,
    ...(state.bin
      ? []
      : [box, el('button', { type: 'button', className: 'primary', textContent: 'Send', onclick: send })]),
  );
}
