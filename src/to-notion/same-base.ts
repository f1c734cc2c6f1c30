import { sameJson } from '../model/json.ts';
import type { SyncRecord } from '../state/records.ts';

/** Whether a record is as it was when it was read before. */
export const sameBase = (a: SyncRecord | undefined, b: SyncRecord | undefined): boolean =>
  a?.page === b?.page &&
  a?.state === b?.state &&
  a?.syncedAt?.getTime() === b?.syncedAt?.getTime() &&
  sameJson(a?.baseRow ?? null, b?.baseRow ?? null) &&
  sameJson(a?.basePage ?? null, b?.basePage ?? null);
