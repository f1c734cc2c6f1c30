import { runOn } from '../support/matrix.ts';

runOn('pgoutput/15', {
  'every-property': () => import('../flow/every-property.test.ts'),
  'key-spelling': () => import('../flow/key-spelling.test.ts'),
});
