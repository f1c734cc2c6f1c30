import type { RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { lockedAmong } from '../postgres/write.ts';
import { pause } from '../runtime/retry.ts';
import { blockedEdits, postponeBlocked, type WaitingEdit } from '../state/edits.ts';
import type { InboundContext } from './context.ts';
import { inspectAgain } from './detect.ts';

/** How often locked rows are asked after: a lock that ends is noticed within this, and it costs no request to Notion. */
const LOOK_MS = 1_000;
const STILL_LOCKED_MS = 5_000;

/**
 * Tries the edits again whose rows could not be changed in time. They have a loop of their own, one for each table at a
 * time, so that none of them holds up an edit that can be made (invariant 16).
 */
export async function lookAtBlocked(
  context: InboundContext,
  signal: AbortSignal,
  healthy: () => void,
): Promise<void> {
  const patient = { ...context, writer: context.writer.patient };
  const locked = new Set<string>();
  while (!signal.aborted) {
    const waiting = Map.groupBy(await blockedEdits(context.store), ({ table }) => table);
    await Promise.all(
      [...waiting].map(([name, edits]) => lookAtTable(patient, name, { edits, locked, signal })),
    );
    healthy();
    await pause(LOOK_MS, signal);
  }
}

const nameOf = ({ table, page }: WaitingEdit): string => `${table}/${page}`;

async function lookAtTable(
  context: InboundContext,
  name: TableName,
  {
    edits,
    locked,
    signal,
  }: { readonly edits: readonly WaitingEdit[]; readonly locked: Set<string>; readonly signal: AbortSignal },
): Promise<void> {
  const table = context.tables.get(name);
  if (table === undefined) return;
  const held = await heldNow(context, table, edits);
  const stuck = edits.filter(({ due, key }) => due && key !== null && held.has(key));
  if (stuck.length > 0)
    await context.store.transaction((sql) =>
      postponeBlocked(
        sql,
        stuck.map(({ page }) => page),
        STILL_LOCKED_MS,
      ),
    );
  for (const edit of edits) {
    if (signal.aborted) return;
    const isHeld = edit.key !== null && held.has(edit.key);
    const wasHeld = locked.delete(nameOf(edit));
    if (isHeld) locked.add(nameOf(edit));
    else if (edit.due || wasHeld) await inspectAgain(context, { name, page: edit.page, edit });
  }
}

async function heldNow(
  { writer }: InboundContext,
  table: ResolvedTable,
  edits: readonly WaitingEdit[],
): Promise<ReadonlySet<RowKey>> {
  const keys = [...new Set(edits.flatMap(({ key }) => key ?? []))];
  return keys.length === 0 ? new Set() : lockedAmong(writer, table, keys);
}
