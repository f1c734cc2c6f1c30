/** What the page knows of the sandbox: of the table only the window that is looked at. */
export const state = {
  /** Entries of the list, in its order. */
  databases: [],
  /** The data source that is looked at. */
  current: null,
  users: [],
  /** The schema of what is looked at. */
  properties: [],
  schemaKey: null,
  bin: false,
  noted: false,
  search: '',
  sort: null,
  total: 0,
  notedTotal: 0,
  /** The window: the ids of the rows from `first` on. */
  first: 0,
  ids: [],
  rows: new Map(),
  /** Rows that came since the last drawing. */
  fresh: new Set(),
  /** A row that stays known when the window moves on. */
  kept: null,
};

export async function call(name, ...args) {
  return post(`/_sandbox/call/${name}`, args);
}

/** As `call`, for what changes something: answers no more than its id, since the feed tells the rest. */
export async function change(name, ...args) {
  return post(`/_sandbox/call/${name}?brief`, args);
}

async function post(path, args) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.message);
  return body.result;
}

/** Counts what has been looked at, so that late answers to earlier questions are dropped. */
let context = 0;
let asked = 0;
let taken = 0;
let version = 0;

/** Must be called whenever other rows are to be shown: another table, search, order or bin. */
export function lookElsewhere() {
  context += 1;
  version = 0;
}

/** Asks for a window of rows. Gives false if something else was looked at meanwhile. */
export async function load({ offset, limit, around, schema = false }) {
  const mine = context;
  asked += 1;
  const number = asked;
  const { current: dataSourceId, bin, noted, search, sort } = state;
  const question = { dataSourceId, bin, noted, search, sort, offset, limit, around, schema };
  const answer = await call('table', question);
  if (mine !== context || number < taken) return false;
  // The cells follow a schema that is not known yet.
  if (!schema && answer.schemaKey !== state.schemaKey) return load({ offset, limit, around, schema: true });
  taken = number;
  take(answer);
  return true;
}

function take(answer) {
  const rows = new Map();
  for (const row of answer.rows) {
    const known = state.rows.get(row.id);
    // The feed may have told of a later change already.
    const isNewer = known !== undefined && known.version > answer.version;
    rows.set(row.id, isNewer ? known : { ...row, version: answer.version });
  }
  const kept = state.rows.get(state.kept);
  if (kept && !rows.has(kept.id)) rows.set(kept.id, kept);
  state.rows = rows;
  state.ids = answer.rows.map((row) => row.id);
  state.first = answer.offset;
  state.total = answer.total;
  state.notedTotal = answer.noted;
  if (answer.properties) Object.assign(state, { properties: answer.properties, schemaKey: answer.schemaKey });
  version = answer.version;
}

let source;

/** Hears of changes from now on. `lost` and `found` tell of the connection. */
export function listen(dataSourceId, { changed, lost, found }) {
  source?.close();
  source = new EventSource(`/_sandbox/changes${dataSourceId === null ? '' : `?source=${dataSourceId}`}`);
  let isLost = false;
  source.onmessage = ({ data }) => changed(learn(JSON.parse(data)));
  source.onerror = () => {
    isLost = true;
    lost();
  };
  source.onopen = () => {
    if (isLost) found();
    isLost = false;
  };
}

/** A browser opens few connections to one server: pages that nobody sees keep none. */
export function stopListening() {
  source?.close();
}

/** Takes in an event, and says whether the window has to be asked for again. */
function learn(event) {
  const news = new Map(event.databases.map((one) => [one.dataSourceId, one]));
  const old = new Map(state.databases.map((one) => [one.dataSourceId, one]));
  const order = event.order ?? state.databases.map((one) => one.dataSourceId);
  state.databases = order.flatMap((id) => news.get(id) ?? old.get(id) ?? []);
  let countsMove = event.comments.length > 0;
  const isOther = event.rows.length > 0 && event.schemaKey !== state.schemaKey;
  for (const row of isOther ? [] : event.rows) {
    const known = state.rows.get(row.id);
    if (known === undefined) state.fresh.add(row.id);
    else if (known.version <= event.version) {
      countsMove ||= known.noted !== row.noted;
      state.rows.set(row.id, { ...row, version: event.version });
    }
  }
  const isOrdered = state.search !== '' || state.sort !== null || state.noted || state.bin;
  const stale = event.version > version;
  const reload = stale && (event.reload || countsMove || (isOrdered && event.rows.length > 0));
  return { ...event, reload, schema: event.schema || isOther };
}
