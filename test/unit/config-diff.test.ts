import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/mapping-file.ts';
import { configDiff } from '../../src/model/suggestion/config-diff.ts';
import { configInput, configText } from '../../src/model/suggestion/config-text.ts';
import type { SourceFacts } from '../../src/model/suggestion/facts.ts';
import { suggestMapping } from '../../src/model/suggestion/suggest-mapping.ts';
import { columnFacts, sourceFacts } from '../support/source-facts.ts';
import { column } from './codecs/support.ts';

const FRAME = { importFrom: 'pgnotion', database: 'app', slot: null };
const name = columnFacts('name');
const count = columnFacts('count', { shape: column('int4'), type: 'integer' });

/** What `init` would say today of the configuration that it wrote of other tables before. */
function diff(before: readonly SourceFacts[], now: readonly SourceFacts[], more = ''): readonly string[] {
  const suggestion = suggestMapping(before);
  const { tables } = parseConfig(configInput(suggestion));
  const text = configText(suggestion, FRAME) + more;
  return configDiff({ tables, text }, { suggestion: suggestMapping(now, tables), sources: now });
}

describe('the difference between a configuration and the catalog', () => {
  test('is none for what was just written, with all that it leaves out', () => {
    const blob = columnFacts('blob', { shape: column('bytea'), type: 'bytea' });
    const tables = [sourceFacts('people', [name, count, blob]), sourceFacts('orders', [count])];
    expect(diff(tables, tables)).toEqual([]);
  });

  test('names new tables, with their mapping, and new columns', () => {
    const lines = diff(
      [sourceFacts('people', [name])],
      [sourceFacts('people', [name, count]), sourceFacts('orders', [name])],
    );
    expect(lines.slice(0, 2)).toEqual([
      "+ table people, field Count: { column: 'count', type: 'number' }",
      '+ table orders: public.orders is new',
    ]);
    expect(lines).toContain("+         Name: { column: 'name', type: 'title' },");
  });

  test('names what is gone', () => {
    expect(
      diff(
        [sourceFacts('people', [name, count]), sourceFacts('orders', [name])],
        [sourceFacts('people', [name])],
      ),
    ).toEqual([
      '- table people, field Count: there is no column count any more',
      '- table orders: public.orders is no longer there',
    ]);
  });

  test('names types that no longer fit, keys that changed, and tables that can no longer be synced', () => {
    const retyped = columnFacts('count', { shape: column('text') });
    const faults = [{ path: 'public.people', message: 'it is unlogged', remedy: 'ALTER TABLE …;' }];
    const now = sourceFacts('people', [name, retyped], { key: ['name'], faults });
    const lines = diff([sourceFacts('people', [name, count])], [now]);
    expect(lines).toEqual([
      '! table people, public.people: it is unlogged: ALTER TABLE …;',
      '! table people, key: the primary key is (name) now, not (id)',
      '! table people, field Count: count is text now, which number cannot hold: it can no longer be mapped',
    ]);
  });

  test('what a comment leaves out is not proposed, in that table alone', () => {
    const before = [sourceFacts('people', [name]), sourceFacts('orders', [name])];
    const now = [
      sourceFacts('people', [name, count]),
      sourceFacts('orders', [name, count]),
      sourceFacts('log', [name]),
    ];
    const lines = diff(before, now, '\n      // - count (integer): nobody wants it\n// - public.log\n');
    expect(lines).toEqual(["+ table people, field Count: { column: 'count', type: 'number' }"]);
  });

  test('what could not be synced, or mapped, is proposed once it can', () => {
    const faults = [{ path: 'public.log', message: 'it has no primary key', remedy: 'ALTER TABLE …;' }];
    const blob = columnFacts('blob', { shape: column('bytea'), type: 'bytea' });
    const lines = diff(
      [sourceFacts('people', [name, blob]), sourceFacts('log', [name], { faults })],
      [sourceFacts('people', [name, columnFacts('blob')]), sourceFacts('log', [name])],
    );
    expect(lines.slice(0, 2)).toEqual([
      "+ table people, field Blob: { column: 'blob', type: 'rich_text' }",
      '+ table log: public.log is new',
    ]);
  });

  test('a table whose name begins another one is told from it', () => {
    const before = [sourceFacts('user_role', [name]), sourceFacts('user', [name, count])];
    const now = [sourceFacts('user_role', [name, count]), sourceFacts('user', [name, count])];
    expect(diff(before, now)).toEqual([
      "+ table user_role, field Count: { column: 'count', type: 'number' }",
    ]);
  });
});
