import { qualifiedName } from '../model/ids.ts';
import type { ForeignKey } from '../model/mapping.ts';
import type { ConstraintRow, ReferenceRow } from './catalog-rows.ts';

/** The foreign keys among a table's constraints. */
export const foreignKeysOf = (constraints: readonly ConstraintRow[]): readonly ForeignKey[] =>
  constraints.flatMap(({ columns, references }) =>
    references === null
      ? []
      : [
          {
            columns,
            references: qualifiedName(references.schema, references.relation),
            referencedColumns: references.columns,
            onDelete: ON_DELETE[references.action],
          },
        ],
  );

const ON_DELETE: Readonly<Record<ReferenceRow['action'], ForeignKey['onDelete']>> = {
  a: 'no action',
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
};
