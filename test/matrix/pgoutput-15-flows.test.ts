import { runOn } from '../support/matrix.ts';

// What depends on the plug-in and on the version together. Everything else of 15 runs with wal2json, and of pgoutput on 18.
runOn('pgoutput/15', {
  cuts: () => import('../flow/cuts.test.ts'),
  'key-spelling': () => import('../flow/key-spelling.test.ts'),
});
