// What makes the pages live. Everything works without it: a reload shows the same, and every control is a form or a link.

const REFRESH_MS = 500;
const FALLBACK_MS = 15_000;

const main = document.getElementById('main');
const liveness = document.getElementById('liveness');
let source = null;
let pending = null;
let loading = false;
let again = false;

/* Times: the exact one stands in the title, the text counts on. */

const STEPS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
];

function ageText(seconds) {
  const [unit, size] = STEPS.find(([, each]) => seconds >= each * 2) ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

function tick() {
  for (const time of document.querySelectorAll('time[data-relative]')) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1_000;
    const text = seconds < 0 ? `in ${ageText(-seconds)}` : `${ageText(seconds)} ago`;
    if (time.textContent !== text) time.textContent = text;
  }
}

/* Replacing what changed, in place: focus, selection, scroll and opened details stay. */

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || null : null);

const isSameKind = (old, fresh) =>
  old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

function morphAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    // A person opened it.
    if (name === 'open' && old.nodeName === 'DETAILS') continue;
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  // What the script itself draws into, and what somebody types into.
  if (old.hasAttribute('data-keep') || old === document.activeElement) return;
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child) !== null) keyed.set(keyOf(child), child);
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = keyOf(next) === null ? at : (keyed.get(keyOf(next)) ?? null);
    if (known !== null && isSameKind(known, next)) {
      if (known === at) at = at.nextSibling;
      else old.insertBefore(known, at);
      morph(known, next);
    } else old.insertBefore(document.importNode(next, true), at);
  }
  while (at !== null) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function replaceWith(page) {
  const focused = document.activeElement;
  for (const id of ['state', 'navigation', 'content']) {
    const old = document.getElementById(id);
    const fresh = page.getElementById(id);
    if (old === null || fresh === null) continue;
    morphChildren(old, fresh);
  }
  if (focused !== document.body && !focused.isConnected) main.focus({ preventScroll: true });
  document.title = page.title;
  tick();
  document.dispatchEvent(new CustomEvent('pgnotion:replaced'));
}

async function refresh() {
  if (document.hidden) return;
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  again = false;
  try {
    const address = new URL(location.href);
    for (const told of ['said', 'failed']) address.searchParams.delete(told);
    const response = await fetch(address, { headers: { accept: 'text/html' } });
    if (new URL(response.url).pathname === '/login' && location.pathname !== '/login')
      return location.assign(response.url);
    if (!response.ok) throw new Error(String(response.status));
    replaceWith(new DOMParser().parseFromString(await response.text(), 'text/html'));
    show('live');
  } catch {
    show('cut off');
  } finally {
    loading = false;
    if (again) soon();
  }
}

function soon() {
  if (pending !== null) return;
  pending = setTimeout(() => {
    pending = null;
    refresh();
  }, REFRESH_MS);
}

function show(text) {
  if (liveness !== null && liveness.textContent !== text) liveness.textContent = text;
}

/* Changes are told by the server; a hidden page asks for nothing. */

function listen() {
  if (source !== null || document.hidden) return;
  source = new EventSource('/api/events');
  source.onopen = () => show('live');
  source.addEventListener('overview', soon);
  source.onerror = () => show('cut off');
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    source?.close();
    source = null;
    return;
  }
  listen();
  soon();
});

const AGAIN_MS = 5_000;
if (document.documentElement.dataset.again === 'true') setTimeout(() => location.reload(), AGAIN_MS);
if (main?.dataset.live === 'true') {
  listen();
  // What the server could not tell of, such as its own absence.
  setInterval(() => source?.readyState !== EventSource.OPEN && refresh(), FALLBACK_MS);
}
setInterval(tick, 1_000);
tick();

/* A choice of a filter applies at once. */

document.addEventListener('change', ({ target }) => {
  if (target.matches('select[data-submit]')) target.form.requestSubmit();
});
