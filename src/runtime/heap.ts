import { setFlagsFromString } from 'node:v8';

/** What is needed for the work itself is about 30 MB, so that this is a matter of megabytes. */
export const HEAP_GROWTH_PERCENT = 30;

/**
 * Has V8 collect garbage once the heap has grown by this share of what was in use, and keeps the space for new objects
 * at the few megabytes that it has at the start, of which V8 would make 128. 0 leaves both to V8, which lets garbage pile
 * up to a multiple of what is in use as long as the machine has memory.
 *
 * V8 reads both at each collection, so they hold from now on, and however the process was started. Neither is a limit
 * at which the process would end: with one of 64 MB, a first sync of pages of 90 kB ended it within seconds each time.
 */
export function limitHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
  setFlagsFromString(`--semi-space-growth-factor=${percent === 0 ? 2 : 1}`);
}
