/** How each type of property is shown. The sandbox sends of each value what a cell has room for. */

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

export const isComputed = (type) => COMPUTED.includes(type);

export function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

export const shownTime = (text) =>
  text.length === 10
    ? text
    : text
        .replace('T', ' ')
        .replace(/:00\.000/, '')
        .replace(/(\+00:00|Z)$/, ' UTC');

export const chip = (option) => {
  const node = el('span', { className: 'chip', textContent: option.name });
  node.style.background = `var(--${option.color}, var(--default))`;
  return node;
};

const more = (count) => (count > 0 ? [el('span', { className: 'quiet', textContent: `+${count}` })] : []);

const textOf = (cell) => (typeof cell === 'object' && cell !== null ? `${cell.cut}…` : String(cell ?? ''));

/** What a cell shows, as nodes. */
function contentOf(property, cell) {
  switch (property.type) {
    case 'checkbox':
      return [
        el('input', {
          type: 'checkbox',
          checked: cell,
          tabIndex: -1,
          ariaLabel: property.name,
        }),
      ];
    case 'select':
    case 'status':
      return cell ? [chip(cell)] : [];
    case 'multi_select':
      return [...cell.items.map(chip), ...more(cell.more)];
    case 'relation':
      return [
        ...cell.items.map(({ name }) =>
          el('span', { className: 'chip ref', textContent: name || 'Untitled' }),
        ),
        ...more(cell.more),
      ];
    case 'people':
      return [
        ...cell.items.map(({ name }) => el('span', { className: 'chip', textContent: name || 'Unknown' })),
        ...more(cell.more),
      ];
    case 'files':
      return [
        ...cell.items.map(({ name, url }) =>
          el('span', { className: 'chip', textContent: name, title: url }),
        ),
        ...more(cell.more),
      ];
    case 'date':
      return cell ? [[cell.start, cell.end].filter(Boolean).map(shownTime).join(' → ')] : [];
    default:
      return [textOf(cell)];
  }
}

export function fillCell(box, property, cell) {
  box.replaceChildren(...contentOf(property, cell));
  // What does not fit can be read by hovering.
  const text = box.textContent;
  if (text.length > 20) box.title = text;
  else box.removeAttribute('title');
}
