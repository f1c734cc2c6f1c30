import { expect, test } from 'vitest';
import { failpoint, readFailpoints } from '../../src/runtime/failpoints.ts';

const PGNOTION_FAILPOINTS = 'deliver.after-create:exit, apply.before-commit:exit@3';

test('failpoints are armed in a test only: in production the variable does nothing', () => {
  for (const NODE_ENV of [undefined, '', 'production', 'development'])
    expect(readFailpoints({ NODE_ENV, PGNOTION_FAILPOINTS })).toBeNull();
  expect(readFailpoints({ NODE_ENV: 'test', PGNOTION_FAILPOINTS })).toEqual(
    new Map([
      ['deliver.after-create', 1],
      ['apply.before-commit', 3],
    ]),
  );
  expect(readFailpoints({ NODE_ENV: 'test' })).toBeNull();
});

test.each(['deliver.nowhere:exit', 'deliver.after-create', 'deliver.after-create:throw'])(
  '%s is refused: a test that arms nothing would show nothing',
  (text) => {
    expect(() => readFailpoints({ NODE_ENV: 'test', PGNOTION_FAILPOINTS: text })).toThrow(RangeError);
  },
);

test('a place that is not armed is passed', () => {
  failpoint('capture.before-store');
});
