import { runOn } from '../support/matrix.ts';

runOn('pgoutput/15', {
  cuts: () => import('../flow/cuts.test.ts'),
  refusals: () => import('../flow/refusals.test.ts'),
  'conflicts-records': () => import('../flow/conflicts-records.test.ts'),
});
