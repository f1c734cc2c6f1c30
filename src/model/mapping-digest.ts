import { createHash } from 'node:crypto';
import type { ResolvedTable } from './mapping.ts';

/** Of everything in a mapping that decides what a page must hold. */
export function mappingDigest(table: ResolvedTable): string {
  const fields = table.fields.map(({ property, type, source, direction, values, transform, conflict }) => [
    property,
    type,
    source,
    direction,
    values ?? null,
    transform?.toString() ?? null,
    // Another rule decides what is held.
    ...(conflict === 'lww' ? [] : [conflict]),
  ]);
  return createHash('sha256')
    .update(JSON.stringify([table.query, fields]))
    .digest('hex')
    .slice(0, 32);
}
