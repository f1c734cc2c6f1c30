import { expect, test } from 'vitest';
import {
  isAway,
  isDeleted,
  isPageAway,
  isResting,
  lifeOf,
  RECORD_STATES,
  restOf,
} from '../../src/model/record-state.ts';

test('each state is spelled by what it says of row and page', () => {
  for (const state of RECORD_STATES) {
    const life = lifeOf(state);
    const spelled =
      life.kind !== 'resting'
        ? life.kind === 'away'
          ? `away_${life.page}`
          : life.kind
        : life.because === 'soft'
          ? 'soft_deleted'
          : `${life.because}_${life.page}`;
    expect(spelled).toBe(state);
    expect(restOf(state)).toEqual(life.kind === 'resting' ? life : null);
  }
  expect(RECORD_STATES).toHaveLength(15);
});

test.each([
  ['creating', {}],
  ['linked', {}],
  ['away_trashed', { away: true, pageAway: true }],
  ['away_hidden', { away: true, pageAway: true }],
  ['deleted_trashed', { rests: true, deleted: true, pageAway: true }],
  ['deleted_archived', { rests: true, deleted: true, pageAway: true }],
  ['deleted_marked', { rests: true, deleted: true }],
  ['deleted_left', { rests: true, deleted: true }],
  ['filtered_archived', { rests: true, pageAway: true }],
  ['filtered_left', { rests: true }],
  ['soft_deleted', { rests: true, pageAway: true }],
] as const)('a record that is %s', (state, wanted) => {
  expect({
    rests: isResting(state),
    deleted: isDeleted(state),
    away: isAway(state),
    pageAway: isPageAway(state),
  }).toEqual({ rests: false, deleted: false, away: false, pageAway: false, ...wanted });
});
