import { expect, test } from 'vitest';
import { dataSourceId } from '../../src/model/ids.ts';
import {
  type Binding,
  installationId,
  ownerIn,
  startIn,
  startText,
  whyCopied,
  withOwner,
  withoutStart,
} from '../../src/model/installation-marker.ts';

const OURS = installationId('11111111-1111-4111-8111-111111111111');
const THEIRS = installationId('22222222-2222-4222-8222-222222222222');
const ITEMS = dataSourceId('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa');
const OTHER = dataSourceId('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb');

test('an owner is read back from behind what people wrote, and replaced without touching that', () => {
  expect(ownerIn('', ITEMS)).toBeNull();
  const empty = withOwner('', OURS, ITEMS) ?? '';
  expect(ownerIn(empty, ITEMS)).toBe(OURS);
  const words = withOwner('Do not type here. [ask Ann]', OURS, ITEMS) ?? '';
  expect(words.startsWith('Do not type here. [ask Ann] [pgnotion ')).toBe(true);
  const taken = withOwner(words, THEIRS, ITEMS) ?? '';
  expect(ownerIn(taken, ITEMS)).toBe(THEIRS);
  expect(taken).not.toContain(OURS);
  expect(withOwner('x'.repeat(250), OURS, ITEMS)).toBeNull();
});

test('the mark of a database that was duplicated says nothing in the duplicate', () => {
  const mark = withOwner('', OURS, ITEMS) ?? '';
  expect(ownerIn(mark, OTHER)).toBeNull();
  expect(ownerIn(withOwner(mark, THEIRS, OTHER) ?? '', OTHER)).toBe(THEIRS);
});

test('the last start of an installation is told apart from those of others in the same description', () => {
  const text = `Our stock.\n${startText(OURS, { number: 3, token: '0123456789abcdef' })} ${startText(THEIRS, { number: 9, token: 'fedcba9876543210' })}`;
  expect(startIn(text, OURS)).toEqual({ number: 3, token: '0123456789abcdef' });
  const rest = withoutStart(text, OURS);
  expect(rest.startsWith('Our stock.')).toBe(true);
  expect(startIn(rest, OURS)).toBeNull();
  expect(startIn(rest, THEIRS)?.number).toBe(9);
  expect(startIn('[pgnotion start 3 of a person]', OURS)).toBeNull();
});

test('a copy is told by the server and the database, and not by its name', () => {
  const bound: Binding = { systemId: '1', databaseOid: '16384', database: 'shop' };
  expect(whyCopied(bound, bound)).toBeNull();
  expect(whyCopied(bound, { ...bound, database: 'renamed' })).toBeNull();
  expect(whyCopied(bound, { ...bound, systemId: '2' })).toContain('another server');
  expect(whyCopied(bound, { ...bound, databaseOid: '16999' })).toContain('another database of this server');
  // A role that may not see the identifier still tells the databases of a server apart.
  expect(whyCopied(bound, { ...bound, systemId: null })).toBeNull();
  expect(whyCopied({ ...bound, systemId: null }, { ...bound, databaseOid: '16999' })).not.toBeNull();
});
