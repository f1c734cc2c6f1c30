import { runOn } from '../support/matrix.ts';

runOn('pgoutput/15', {
  failpoints: () => import('../crash/failpoints.test.ts'),
});
