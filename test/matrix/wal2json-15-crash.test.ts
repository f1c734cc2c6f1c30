import { runOn } from '../support/matrix.ts';

runOn('wal2json/15', {
  failpoints: () => import('../crash/failpoints.test.ts'),
});
