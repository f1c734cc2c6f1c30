import { describe, expect, test } from 'vitest';
import { lsn } from '../../src/model/ids.ts';
import { type FoundSlot, judgeSlot, type KnownSlot, type SlotFacts } from '../../src/model/slot-verdict.ts';

const found: FoundSlot = {
  kind: 'logical',
  plugin: 'pgoutput',
  database: 'shop',
  temporary: false,
  twoPhase: false,
  lost: null,
  confirmedFlush: lsn(90n),
};
const known: KnownSlot = { systemId: '1', timeline: 1, lsn: lsn(80n), acknowledged: lsn(90n) };
const facts: SlotFacts = {
  found,
  known,
  system: { systemId: '1', timeline: 1, position: lsn(100n) },
  database: 'shop',
  plugin: 'pgoutput',
  asked: null,
  isAnotherPublication: false,
  isAnnounced: false,
  takeOver: false,
};

test('invariant 2: a slot at, or before, what was acknowledged is kept', () => {
  expect(judgeSlot(facts)).toEqual({ kind: 'keep' });
  // The server crashed, and had not kept the last acknowledgement.
  expect(judgeSlot({ ...facts, found: { ...found, confirmedFlush: lsn(1n) } })).toEqual({ kind: 'keep' });
  // An older version did not store what it acknowledged.
  expect(judgeSlot({ ...facts, known: { ...known, acknowledged: null } })).toEqual({ kind: 'keep' });
});

describe('invariants 1, 2: a slot that may lack changes is made anew', () => {
  test.each<[string, Partial<SlotFacts>]>([
    ['it is gone', { found: null }],
    ['it was lost', { found: { ...found, lost: 'idle_timeout' } }],
    ['it was moved by one byte', { found: { ...found, confirmedFlush: lsn(91n) } }],
    ['its making was never finished', { found: { ...found, confirmedFlush: null } }],
    ['it has two_phase', { found: { ...found, twoPhase: true } }],
    ['another server', { system: { ...facts.system, systemId: '2' } }],
    ['another timeline', { system: { ...facts.system, timeline: 2 } }],
    ['an earlier time', { system: { ...facts.system, position: lsn(79n) } }],
    ['another publication', { isAnotherPublication: true }],
    ['a change that nobody gets past', { asked: 'PostgreSQL cannot send a change' }],
    ['the configuration names another plug-in', { plugin: 'wal2json' }],
    ['a slot that was taken over', { known: null, takeOver: true }],
  ])('%s', (_, change) => {
    expect(judgeSlot({ ...facts, ...change })).toMatchObject({ kind: 'renew' });
  });
});

describe('a slot of somebody else is left alone, whatever a person said', () => {
  test.each<[string, Partial<FoundSlot>]>([
    ['physical', { kind: 'physical', plugin: null, database: null }],
    ['temporary', { temporary: true }],
    ['of another database', { database: 'other' }],
    // Ours of a former configuration stands where we left it.
    ['of another plug-in', { plugin: 'wal2json', confirmedFlush: lsn(91n) }],
    ['of a plug-in that is none of ours', { plugin: 'test_decoding' }],
  ])('%s', (_, change) => {
    for (const takeOver of [false, true])
      expect(judgeSlot({ ...facts, takeOver, found: { ...found, ...change } })).toMatchObject({
        kind: 'foreign',
      });
  });
});

test('a slot without a checkpoint is ours only if a start of ours announced it', () => {
  expect(judgeSlot({ ...facts, found: null, known: null })).toEqual({ kind: 'first', made: false });
  expect(judgeSlot({ ...facts, known: null, isAnnounced: true })).toEqual({ kind: 'first', made: true });
  expect(judgeSlot({ ...facts, known: null })).toMatchObject({ kind: 'foreign' });
});
