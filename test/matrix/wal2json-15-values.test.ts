import { runOn } from '../support/matrix.ts';

runOn('wal2json/15', {
  'every-property': () => import('../flow/every-property.test.ts'),
  'key-spelling': () => import('../flow/key-spelling.test.ts'),
  lossy: () => import('../flow/lossy.test.ts'),
  'set-merge': () => import('../flow/set-merge.test.ts'),
});
