/** How each type of property is shown and edited. `tools` is what the page lends: titles, users, toast, redraw. */

const COMPUTED = [
  'formula',
  'rollup',
  'unique_id',
  'created_time',
  'created_by',
  'last_edited_time',
  'last_edited_by',
  'files',
];
const TEXTS = ['title', 'rich_text', 'url', 'email', 'phone_number', 'number'];

export const isComputed = (type) => COMPUTED.includes(type);

export function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

export const plain = (runs) => runs.map((run) => run.plain_text).join('');

/** A cell's text, for the search box and for editors. */
export function cellText(value) {
  const held = value[value.type];
  if (held === null || held === undefined) return '';
  if (value.type === 'title' || value.type === 'rich_text') return plain(held);
  if (value.type === 'select' || value.type === 'status') return held.name;
  if (value.type === 'multi_select') return held.map((option) => option.name).join(', ');
  if (value.type === 'date') return [held.start, held.end].filter(Boolean).map(shownDate).join(' → ');
  if (value.type === 'people') return held.map((user) => user.name ?? '').join(', ');
  if (value.type === 'unique_id') return `${held.prefix ? `${held.prefix}-` : ''}${held.number ?? ''}`;
  if (value.type === 'formula' || value.type === 'rollup') return JSON.stringify(held[held.type] ?? '');
  if (value.type.endsWith('_by')) return held.name ?? held.id;
  if (value.type.endsWith('_time')) return shownDate(held);
  return typeof held === 'object' ? '' : String(held);
}

const shownDate = (text) =>
  text.length === 10
    ? text
    : text
        .replace('T', ' ')
        .replace(/:00\.000/, '')
        .replace(/(\+00:00|Z)$/, ' UTC');

const chip = (option) => {
  const node = el('span', { className: 'chip', textContent: option.name });
  node.style.background = `var(--${option.color})`;
  return node;
};

/** Fills a cell with what it shows. */
export function fillCell(td, value, tools) {
  const held = value[value.type];
  if (value.type === 'checkbox') {
    td.replaceChildren(el('input', { type: 'checkbox', checked: held, tabIndex: -1, ariaLabel: 'checked' }));
  } else if (value.type === 'select' || value.type === 'status') {
    td.replaceChildren(...(held ? [chip(held)] : []));
  } else if (value.type === 'multi_select') {
    td.replaceChildren(...held.map(chip));
  } else if (value.type === 'relation') {
    td.replaceChildren(
      ...held.map(({ id }) =>
        el('span', { className: 'chip ref', textContent: tools.titleOf(id) || 'Untitled' }),
      ),
    );
  } else if (value.type === 'files') {
    td.replaceChildren(
      ...held.map((file) =>
        el('span', { className: 'chip', textContent: file.name, title: (file.external ?? file.file).url }),
      ),
    );
  } else {
    td.replaceChildren(el('span', { className: 'clamp', textContent: cellText(value) }));
  }
}

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

/** Opens a cell's editor. `save` takes the property's new value. */
export function openEditor(td, property, value, save, tools) {
  if (property.type === 'checkbox') save(!value.checkbox);
  else if (TEXTS.includes(property.type)) editText(td, property.type, value, save, tools);
  else if (property.type === 'date') editDate(td, value.date, save);
  else if (property.type === 'people')
    pickMany(
      td,
      tools.users(),
      value.people.map((user) => user.id),
      save,
    );
  else if (property.type === 'relation') pickRelated(td, property, value, save, tools);
  else pickOptions(td, property, value, save);
}

function editText(td, type, value, save, tools) {
  const before = type === 'number' ? String(value.number ?? '') : cellText(value);
  const box = el('textarea', {
    value: before,
    rows: Math.min(8, 1 + Math.floor(before.length / 36)),
    ariaLabel: 'value',
  });
  let open = true;
  const end = (keep) => {
    if (!open) return;
    open = false;
    td.classList.remove('editing');
    fillCell(td, value, tools);
    // The connection may have written the cell while it was open.
    tools.redraw();
    if (!keep || box.value === before) return;
    try {
      save(fromText(type, box.value));
    } catch (error) {
      tools.toast(error.message);
    }
  };
  box.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Escape') end(false);
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      end(true);
      td.focus();
    }
  });
  box.addEventListener('blur', () => end(true));
  td.classList.add('editing');
  td.replaceChildren(box);
  box.focus();
  box.select();
}

/** A box by a cell that closes when one clicks elsewhere or presses Escape. */
export function popover(anchor, ...children) {
  document.querySelector('.popover')?.remove();
  const box = el('div', { className: 'popover' }, ...children);
  document.body.append(box);
  const at = anchor.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${Math.max(8, Math.min(at.bottom + 2, innerHeight - box.offsetHeight - 8))}px`;
  const close = () => {
    box.remove();
    document.removeEventListener('pointerdown', outside, true);
  };
  const outside = (event) => {
    if (!box.contains(event.target)) close();
  };
  document.addEventListener('pointerdown', outside, true);
  box.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Escape') {
      close();
      anchor.focus();
    }
  });
  box.querySelector('input, select, button')?.focus();
  return close;
}

export function pickButton(content, chosen, run) {
  const tick = el('span', { className: 'tick', textContent: chosen ? '✓' : '' });
  return el('button', { type: 'button', className: 'pick', onclick: run }, tick, content);
}

/** A list with a box to narrow it; `draw` gives the buttons for what has been typed. */
function narrowing(anchor, draw) {
  const input = el('input', { placeholder: 'Search…', ariaLabel: 'search options' });
  const list = el('div');
  const redraw = () => list.replaceChildren(...draw(input.value.trim()));
  input.addEventListener('input', redraw);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') list.querySelector('button')?.click();
  });
  redraw();
  return { close: popover(anchor, input, list), redraw };
}

const has = (text, part) => text.toLowerCase().includes(part.toLowerCase());

function pickOptions(td, property, value, save) {
  const options = property[property.type].options;
  const many = property.type === 'multi_select';
  let chosen = many
    ? value.multi_select.map((option) => option.name)
    : [value[property.type]?.name].filter(Boolean);
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
  const menu = narrowing(td, (typed) => {
    const extra = chosen.filter((name) => !options.some((option) => option.name === name));
    const known = [...options, ...extra.map((name) => ({ name, color: 'default' }))];
    const buttons = known
      .filter((option) => has(option.name, typed))
      .map((option) => pickButton(chip(option), chosen.includes(option.name), () => choose(option.name)));
    const isNew = typed !== '' && !known.some((option) => option.name.toLowerCase() === typed.toLowerCase());
    if (isNew && property.type !== 'status')
      buttons.push(pickButton(`Create “${typed}”`, false, () => choose(typed)));
    return buttons;
  });
}

function pickMany(td, items, before, save) {
  let chosen = before;
  const toggle = (id) => {
    chosen = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
    save(chosen.map((one) => ({ id: one })));
    menu.redraw();
  };
  const menu = narrowing(td, (typed) =>
    items
      .filter((item) => has(item.name, typed))
      .sort((a, b) => Number(chosen.includes(b.id)) - Number(chosen.includes(a.id)))
      .slice(0, 50)
      .map((item) => pickButton(item.name || 'Untitled', chosen.includes(item.id), () => toggle(item.id))),
  );
}

async function pickRelated(td, property, value, save, tools) {
  const titles = await tools.titlesIn(property.relation.data_source_id);
  const items = titles.map(({ id, title }) => ({ id, name: title }));
  pickMany(
    td,
    items,
    value.relation.map(({ id }) => id),
    save,
  );
}

function editDate(td, date, save) {
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
