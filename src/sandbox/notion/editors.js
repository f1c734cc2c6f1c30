import { chip, el } from './cells.js';
import { call, state } from './data.js';
import { narrowing, pickButton, popover } from './popover.js';

const TEXTS = ['title', 'rich_text', 'url', 'email', 'phone_number', 'number'];

const plain = (runs) => runs.map((run) => run.plain_text).join('');

/** Notion takes 2,000 UTF-16 units in a run; a pair is never cut in two. */
function runsOf(text) {
  const runs = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + 2000);
    if (end < text.length && /[\uD800-\uDBFF]/.test(text[end - 1])) end -= 1;
    runs.push({ text: { content: text.slice(at, end) } });
    at = end;
  }
  return runs;
}

function fromText(type, text) {
  if (type === 'title' || type === 'rich_text') return runsOf(text);
  if (text.trim() === '') return null;
  if (type !== 'number') return text.trim();
  const number = Number(text.replaceAll(',', ''));
  if (!Number.isFinite(number)) throw new Error(`${text} is not a number.`);
  return number;
}

/**
 * Opens a cell's editor. `save` takes the property's new value; `move` takes the focus to the cell itself (0), or to
 * the one beside it (1, -1).
 */
export async function openEditor(td, { row, property, cell, save, move, toast }) {
  const { type } = property;
  if (type === 'checkbox') return save(!cell);
  if (TEXTS.includes(type)) {
    const before = cell?.cut === undefined ? String(cell ?? '') : await wholeText(row, property);
    return editText(td, { property, before, save, move, toast });
  }
  if (type === 'date') return editDate(td, property.name, cell, save);
  if (type === 'people' || type === 'relation')
    return pickMany(td, { property, chosen: await wholeList(row, property, cell), save });
  const chosen = type === 'multi_select' ? await wholeList(row, property, cell) : [cell].filter(Boolean);
  return pickOptions(td, { property, before: chosen.map((option) => option.name), save });
}

async function wholeText(row, property) {
  const value = (await call('page', row.id)).properties[property.name];
  const held = value[property.type];
  return typeof held === 'string' ? held : plain(held);
}

async function wholeList(row, property, cell) {
  if (cell.more === 0) return cell.items;
  const { properties } = await call('page', row.id);
  const names = new Map(cell.items.map((item) => [item.id, item.name]));
  return properties[property.name][property.type].map(({ id, name }) => ({
    id,
    name: name ?? names.get(id) ?? '',
  }));
}

function editText(td, { property, before, save, move, toast }) {
  if (td.classList.contains('editing')) return;
  const box = el('textarea', {
    value: before,
    rows: Math.min(8, 1 + Math.floor(before.length / 30)),
    ariaLabel: `${property.name}: value`,
  });
  if (property.type === 'number') box.inputMode = 'decimal';
  let open = true;
  const end = (keep, to) => {
    if (!open) return;
    try {
      const next = keep && box.value !== before ? fromText(property.type, box.value) : undefined;
      open = false;
      td.classList.remove('editing');
      box.remove();
      if (to !== null) move(to);
      if (next !== undefined) save(next);
    } catch (error) {
      // The box stays with what was typed; only leaving it by the mouse gives that up.
      toast(error.message);
      box.ariaInvalid = 'true';
      if (to === null) end(false, null);
    }
  };
  box.addEventListener('keydown', (event) => {
    event.stopPropagation();
    const isEnter = event.key === 'Enter' && !event.shiftKey && !event.isComposing;
    const to = { Escape: 0, Tab: event.shiftKey ? -1 : 1 }[event.key] ?? (isEnter ? 0 : undefined);
    if (to === undefined) return;
    event.preventDefault();
    end(event.key !== 'Escape', to);
  });
  box.addEventListener('blur', () => end(true, null));
  box.addEventListener('click', (event) => event.stopPropagation());
  td.classList.add('editing');
  td.append(box);
  box.focus({ preventScroll: true });
  box.select();
}

const has = (text, part) => text.toLowerCase().includes(part.toLowerCase());

function pickOptions(td, { property, before, save }) {
  const many = property.type === 'multi_select';
  let chosen = before;
  const options = () =>
    state.properties.find((one) => one.id === property.id)?.[property.type]?.options ?? [];
  const choose = (name) => {
    if (!many) {
      menu.close();
      save(chosen.includes(name) && property.type === 'select' ? null : { name });
      return;
    }
    chosen = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name];
    save(chosen.map((one) => ({ name: one })));
    menu.redraw();
  };
  const menu = narrowing(td, property.name, (typed) => {
    const extra = chosen.filter((name) => !options().some((option) => option.name === name));
    const known = [...options(), ...extra.map((name) => ({ name, color: 'default' }))];
    const buttons = known
      .filter((option) => has(option.name, typed))
      .slice(0, 100)
      .map((option) => pickButton(chip(option), chosen.includes(option.name), () => choose(option.name)));
    const isNew = typed !== '' && !known.some((option) => option.name.toLowerCase() === typed.toLowerCase());
    if (isNew && property.type !== 'status')
      buttons.push(pickButton(`Create “${typed}”`, null, () => choose(typed)));
    return buttons;
  });
}

/** People, or pages of another table: what is chosen comes first, and the sandbox looks for the rest. */
function pickMany(td, { property, chosen, save }) {
  let held = chosen;
  const find = async (typed) => {
    if (property.type === 'people')
      return state.users.filter((user) => user.type === 'person' && has(user.name, typed));
    const titles = await call('findTitles', property.relation.data_source_id, typed);
    return titles.map(({ id, title }) => ({ id, name: title }));
  };
  const toggle = (item) => {
    held = held.some((one) => one.id === item.id)
      ? held.filter((one) => one.id !== item.id)
      : [...held, item];
    save(held.map(({ id }) => ({ id })));
    menu.redraw();
  };
  const menu = narrowing(td, property.name, async (typed) => {
    const found = await find(typed);
    const ids = new Set(held.map((item) => item.id));
    const items = [
      ...held.filter((item) => has(item.name, typed)).slice(0, 50),
      ...found.filter((item) => !ids.has(item.id)),
    ];
    return items.map((item) => pickButton(item.name || 'Untitled', ids.has(item.id), () => toggle(item)));
  });
}

function editDate(td, name, date, save) {
  const part = (text, from, to) => (text && text.length > 10 ? text.slice(from, to) : '');
  const field = (type, value, label) => el('input', { type, value, ariaLabel: label });
  const start = field('date', date?.start.slice(0, 10) ?? '', 'start date');
  const startTime = field('time', part(date?.start, 11, 16), 'start time');
  const end = field('date', date?.end?.slice(0, 10) ?? '', 'end date');
  const endTime = field('time', part(date?.end, 11, 16), 'end time');
  const zone = date?.start.length > 10 ? date.start.slice(-6) : '+00:00';
  const join = (day, time) => (day ? (time ? `${day}T${time}:00${zone}` : day) : null);
  const done = (next) => {
    close();
    save(next);
  };
  const keep = () => {
    const from = join(start.value, startTime.value);
    done(from === null ? null : { start: from, end: join(end.value, endTime.value) });
  };
  const close = popover(
    td,
    name,
    el('div', { className: 'row' }, start, startTime),
    el('div', { className: 'row' }, end, endTime),
    el(
      'div',
      { className: 'row' },
      el('button', { type: 'button', className: 'primary', textContent: 'Save', onclick: keep }),
      el('button', { type: 'button', textContent: 'Clear', onclick: () => done(null) }),
      el('span', { className: 'quiet', textContent: `times at ${zone}` }),
    ),
  );
}
