import type { ColumnFacts, SourceFacts } from './facts.ts';
import { snakeOf } from './names.ts';

/** What names a page: a column, or SQL over the columns of the key. */
export type Title =
  | { readonly kind: 'column'; readonly column: string }
  | { readonly kind: 'key'; readonly expression: string };

/** Names of columns that tell people which row it is, from the best on. */
const LABELS: readonly RegExp[] = [
  /^(name|title)$/,
  /^(label|subject|headline|caption|display_name|full_name|company_name|company)$/,
  /(^|_)(name|title)$/,
  /^(username|user_name|login|code|slug|sku|reference|number|identifier)$|_(code|slug|number|no)$/,
  /^e_?mail(_address)?$/,
];
/** Names of a part of what the row is about. */
const PARTS = /^(first|last|middle|given|family|maiden|sur|nick|file)_?name$/;
/** Names of something else. */
const OTHERS = /(^|_)(table|schema|column|host|type|class|event|action)_?name$/;

/** The column that names a page best: text that is called so, without NULL and unique if there is one; else the key. */
export function titleOf(table: SourceFacts, mappable: readonly ColumnFacts[]): Title {
  const ranked = mappable
    .map((column) => ({ column, score: scoreOf(table, column) }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score);
  const [best] = ranked;
  if (best !== undefined) return { kind: 'column', column: best.column.name };
  const [only, ...others] = table.key;
  const isShown = mappable.some(({ name }) => name === only);
  // A key that is a reference too is shown as a relation.
  const refers = table.foreignKeys.some(({ columns }) => columns.includes(only ?? ''));
  if (only !== undefined && others.length === 0 && isShown && !refers)
    return { kind: 'column', column: only };
  const parts = table.key.map((column) => `"${column.replaceAll('"', '""')}"::text`);
  return {
    kind: 'key',
    expression: parts.length === 1 ? (parts[0] ?? '') : `concat_ws(' / ', ${parts.join(', ')})`,
  };
}

function scoreOf({ uniqueKeys, foreignKeys }: SourceFacts, column: ColumnFacts): number {
  const { shape, name } = column;
  if (shape.category !== 'text' || shape.array) return 0;
  if (foreignKeys.some(({ columns }) => columns.includes(name))) return 0;
  const snake = snakeOf(name);
  const rank = OTHERS.test(snake) ? -1 : LABELS.findIndex((pattern) => pattern.test(snake));
  const isUnique = uniqueKeys.some((columns) => columns.length === 1 && columns[0] === name);
  if (rank === -1 && !isUnique) return 0;
  const isPart = PARTS.test(snake);
  const label = rank === -1 || isPart ? 1 : LABELS.length - rank + 1;
  // A person can give a new page no name that PostgreSQL computes.
  const given = column.computed === null ? 0.5 : 0;
  return label + given + (shape.nullable ? 0 : 1.5) + (isUnique ? 0.75 : 0);
}
