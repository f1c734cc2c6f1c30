import type { ListedKind } from '../model/mass-change.ts';
import type { Condition } from './alert-conditions.ts';

/** Something that a person has to know of. */
export type Cause =
  | { readonly kind: 'notion-refuses'; readonly code: string; readonly remedy: string }
  | {
      readonly kind: 'requests-refused';
      readonly requests: string;
      readonly table: string | null;
      readonly code: string;
      readonly remedy: string;
    }
  | { readonly kind: 'table-suspended'; readonly table: string; readonly reason: string }
  | { readonly kind: `${ListedKind}s-wait`; readonly table: string; readonly count: number }
  | Condition
  | Occurrence;

/** A cause that does not last: it is told once, and never over. */
export type Occurrence =
  | { readonly kind: 'slot-renewed'; readonly reason: string; readonly at: Date }
  | { readonly kind: 'taken-over'; readonly from: string | null; readonly at: Date };

/** Every kind of cause; a document has a section of each. */
export const CAUSES = [
  'notion-refuses',
  'requests-refused',
  'table-suspended',
  'failures',
  'conflict-rate',
  'backlog-depth',
  'backlog-age',
  'rate-limited',
  'slot-lost',
  'slot-lagging',
  'deletions-wait',
  'clearings-wait',
  'creations-wait',
  'adoptions-wait',
  'pairings-wait',
  'drift',
  'verify-differences',
  'slot-renewed',
  'taken-over',
] as const satisfies readonly Cause['kind'][];

/** What tells one cause from another of its kind. */
export function keyOf(cause: Cause): string {
  switch (cause.kind) {
    case 'notion-refuses':
      return `${cause.kind} ${cause.code}`;
    case 'requests-refused':
      return `${cause.kind} ${cause.requests} ${cause.table ?? ''}`;
    case 'table-suspended':
    case 'deletions-wait':
    case 'clearings-wait':
    case 'creations-wait':
    case 'adoptions-wait':
    case 'pairings-wait':
      return `${cause.kind} ${cause.table}`;
    case 'slot-renewed':
    case 'taken-over':
      return `${cause.kind} ${cause.at.toISOString()}`;
    default:
      return cause.kind;
  }
}
