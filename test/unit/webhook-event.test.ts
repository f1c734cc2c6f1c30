import { expect, test } from 'vitest';
import { hintOf, type KnownSource, readDelivery } from '../../src/admin/webhook-event.ts';
import { tableName } from '../../src/model/ids.ts';

const PAGE = '11111111-2222-3333-4444-555555555555';
const ITEMS = 'aaaaaaaa-0000-0000-0000-000000000001';
const BOT = 'bbbbbbbb-0000-0000-0000-00000000000b';
const items: KnownSource = {
  table: tableName('items'),
  dataSource: ITEMS,
  database: 'dddddddd-0000-0000-0000-000000000001',
  relations: ['rel'],
};
const parent = { id: items.database, type: 'database', data_source_id: ITEMS };

const told = (
  type: string,
  data: object = { parent },
  authors: readonly object[] = [{ id: 'p', type: 'person' }],
) => {
  const body = JSON.stringify({ type, entity: { id: PAGE, type: 'page' }, authors, data });
  const delivery = readDelivery(body);
  if (delivery.kind !== 'event') throw new Error(`not an event: ${body}`);
  return hintOf(delivery.event, [items], BOT);
};
const looked = { page: PAGE, table: 'items', changed: [], left: false };

test.each([
  ['page.properties_updated', { parent, updated_properties: ['x', 'y'] }, { ...looked, changed: ['x', 'y'] }],
  ['page.properties_updated', { parent }, { ...looked, changed: 'all' }],
  ['page.content_updated', { parent, updated_blocks: [] }, looked],
  ['page.created', { parent }, { ...looked, changed: 'all' }],
  ['page.undeleted', { parent }, { ...looked, changed: 'all' }],
  ['page.moved', { parent }, { ...looked, changed: 'all' }],
  ['page.deleted', { parent }, { ...looked, left: true }],
  // Under the API version before data sources, the parent is the database.
  ['page.created', { parent: { id: parent.id, type: 'database' } }, { ...looked, changed: 'all' }],
  [
    'page.created',
    { parent: { ...parent, data_source_id: ITEMS.replaceAll('-', '') } },
    { ...looked, changed: 'all' },
  ],
])('%s %j is looked at', (type, data, hint) => {
  expect(told(type, data)).toEqual(hint);
});

const elsewhere = { parent: { id: 'elsewhere', type: 'database', data_source_id: 'elsewhere' } };

test('of pages elsewhere only those matter that may have been ours', () => {
  expect(told('page.moved', elsewhere)).toEqual({ ...looked, table: null, changed: 'all' });
  expect(told('page.deleted', {})).toEqual({ ...looked, table: null, left: true });
  for (const type of ['page.created', 'page.properties_updated', 'page.content_updated', 'page.undeleted'])
    expect(told(type, elsewhere), type).toBeNull();
});

test.each(['page.locked', 'page.of_tomorrow', 'data_source.schema_updated', 'comment.created', 'toString'])(
  '%s asks for nothing',
  (type) => {
    expect(told(type)).toBeNull();
  },
);

test("the connection's own writes ask for nothing, but for the other ends of relations", () => {
  const bot = [{ id: BOT, type: 'bot' }];
  expect(told('page.properties_updated', { parent, updated_properties: ['x'] }, bot)).toBeNull();
  expect(told('page.created', { parent }, [{ id: BOT.replaceAll('-', '') }])).toBeNull();
  const changed = ['x', 'rel'];
  expect(told('page.properties_updated', { parent, updated_properties: changed }, bot)).toEqual({
    ...looked,
    changed,
  });
  expect(told('page.deleted', { parent }, bot)).toEqual({ ...looked, left: true });
  const both = [...bot, { id: 'p', type: 'person' }];
  expect(told('page.properties_updated', { parent, updated_properties: ['x'] }, both)).not.toBeNull();
  expect(told('page.created', { parent }, [])).not.toBeNull();
});

test.each([
  ['{', 'malformed'],
  ['', 'malformed'],
  ['null', 'other'],
  ['[]', 'other'],
  ['{"type":1}', 'other'],
  [JSON.stringify({ type: 'page.created', entity: { id: 'x'.repeat(300), type: 'page' } }), 'other'],
  ['{"verification_token":"secret_of_notion"}', 'handshake'],
  ['{"verification_token":7}', 'other'],
])('%s is %s', (body, kind) => {
  expect(readDelivery(body).kind).toBe(kind);
});

test('an id that is none asks for nothing', () => {
  const body = { type: 'page.created', entity: { id: 'no id', type: 'page' }, data: { parent } };
  const delivery = readDelivery(JSON.stringify(body));
  expect(delivery.kind === 'event' && hintOf(delivery.event, [items], BOT)).toBeNull();
});
