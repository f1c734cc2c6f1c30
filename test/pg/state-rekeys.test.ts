import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepMoves, pendingMoves } from '../../src/state/rekeys.ts';
import { createState, key, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());

test('invariant 3: changes of keys are carried over in the order of the log, however many there are', async () => {
  const moves = Array.from({ length: 120 }, (_, place) => ({
    table: suppliers,
    from: key(String(place)),
    to: key(String(place + 1)),
    xid: 1,
    at: new Date(0),
    place,
  }));
  await keepMoves(state.store, moves);
  // Read again, after a crash.
  await keepMoves(state.store, moves.slice(5, 20));
  const pending = await pendingMoves(state.store, 200);
  expect(pending.map(({ from }) => from)).toEqual(moves.map(({ from }) => from));
});
