import { pause } from '../../runtime/retry.ts';
import type { ProbeClock } from './session.ts';

export const realClock: ProbeClock = {
  now: () => performance.now(),
  wall: () => new Date(),
  sleep: pause,
};
