import { el } from './cells.js';

/** How the focus comes back to what a box was opened from, which may have been drawn anew since. */
let giveBack = (anchor) => anchor.focus();
let closeOpen = () => undefined;

export function onReturn(run) {
  giveBack = run;
}

/** A box by its anchor that closes when one clicks or tabs elsewhere, or presses Escape. */
export function popover(anchor, label, ...children) {
  closeOpen();
  const box = el('div', { className: 'popover', role: 'dialog', ariaLabel: label }, ...children);
  document.body.append(box);
  const at = anchor.getBoundingClientRect();
  box.style.setProperty('--left', `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`);
  box.style.setProperty(
    '--top',
    `${Math.max(8, Math.min(at.bottom + 2, innerHeight - box.offsetHeight - 8))}px`,
  );
  const close = (back = true) => {
    if (!box.isConnected) return;
    const held = box.contains(document.activeElement);
    closeOpen = () => undefined;
    document.removeEventListener('pointerdown', outside, true);
    box.remove();
    if (back && held) giveBack(anchor);
  };
  const outside = (event) => {
    if (!box.contains(event.target)) close(false);
  };
  closeOpen = () => close(false);
  document.addEventListener('pointerdown', outside, true);
  box.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget !== null && !box.contains(relatedTarget)) close(false);
  });
  box.addEventListener('keydown', (event) => onKey(event, box, close));
  (box.querySelector('input, select, textarea') ?? box.querySelector('button'))?.focus();
  return close;
}

function onKey(event, box, close) {
  event.stopPropagation();
  if (event.key === 'Escape') {
    event.preventDefault();
    close();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const isField = event.target.matches('select, textarea, [type="date"], [type="time"]');
  if (step === undefined || isField) return;
  event.preventDefault();
  const stops = [...box.querySelectorAll('input, select, textarea, button')];
  const next = stops.indexOf(document.activeElement) + step;
  stops[Math.max(0, Math.min(stops.length - 1, next))]?.focus();
}

export function pickButton(content, chosen, run) {
  const tick = el('span', { className: 'tick', textContent: chosen ? '✓' : '', ariaHidden: 'true' });
  const button = el('button', { type: 'button', className: 'pick', onclick: run }, tick, content);
  if (chosen !== null) button.ariaPressed = String(chosen);
  return button;
}

/** A list with a box to narrow it; `draw` gives the buttons for what has been typed. */
export function narrowing(anchor, label, draw) {
  const input = el('input', { placeholder: 'Search…', ariaLabel: 'search options', autocomplete: 'off' });
  const list = el('div');
  const redraw = async () => {
    const typed = input.value.trim();
    const buttons = await draw(typed);
    if (typed !== input.value.trim()) return;
    const at = [...list.children].indexOf(document.activeElement);
    list.replaceChildren(...buttons);
    if (at !== -1) (list.children[at] ?? input).focus();
  };
  input.addEventListener('input', redraw);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') list.querySelector('button')?.click();
  });
  const close = popover(anchor, label, input, list);
  redraw();
  return { close, redraw };
}
