import { allowedLabels } from '../check-constraint-text.ts';
import type { PropertyType } from '../codecs/codec.ts';
import { codecs } from '../codecs/registry.ts';
import { fold } from '../codecs/values.ts';
import { TEXT_LIMITS } from '../texts.ts';
import type { CheckFacts, ColumnFacts } from './facts.ts';
import { snakeOf } from './names.ts';

/** What a column by itself can be shown as. */
export type Shown =
  | {
      readonly kind: 'shown';
      readonly type: PropertyType;
      /** Why people should not edit it in Notion; null if they may. */
      readonly locked: string | null;
      readonly lossy: boolean;
      readonly choices: readonly string[];
      readonly remark: string | null;
    }
  | { readonly kind: 'left out'; readonly reason: string };

type Choice = Partial<Omit<Extract<Shown, { readonly kind: 'shown' }>, 'kind' | 'type'>>;

const shown = (type: PropertyType, more: Choice = {}): Shown => ({
  kind: 'shown',
  type,
  locked: null,
  lossy: false,
  choices: [],
  remark: null,
  ...more,
});

const INTERNAL = 'an internal value of PostgreSQL, which tells people nothing';
const GEOMETRY = 'PostgreSQL writes it in a binary form; map an expression such as ST_AsText(column)';
const EMBEDDING = 'an embedding, which tells people nothing';

const UNSUITABLE: Readonly<Record<string, string>> = {
  bytea: 'binary data, which a page cannot show',
  tsvector: 'a search index that PostgreSQL derives from other columns',
  tsquery: 'a search query',
  xml: 'an XML document, which is not text to be read; map an expression such as xpath(...)',
  jsonpath: INTERNAL,
  pg_lsn: INTERNAL,
  pg_snapshot: INTERNAL,
  txid_snapshot: INTERNAL,
  refcursor: INTERNAL,
  xid: INTERNAL,
  xid8: INTERNAL,
  cid: INTERNAL,
  tid: INTERNAL,
  oidvector: INTERNAL,
  int2vector: INTERNAL,
  geometry: GEOMETRY,
  geography: GEOMETRY,
  raster: GEOMETRY,
  vector: EMBEDDING,
  halfvec: EMBEDDING,
  sparsevec: EMBEDDING,
};

/** Types without a class of their own whose text people can type. */
const TYPED_BY_PEOPLE = new Set([
  'time',
  'timetz',
  'interval',
  'inet',
  'cidr',
  'macaddr',
  'macaddr8',
  'ltree',
]);

/** The property that suits a column, without its foreign keys. What comes out is accepted by the type's own check. */
export function shownAs(column: ColumnFacts, checks: readonly CheckFacts[]): Shown {
  const { shape } = column;
  if (!column.readable) return { kind: 'left out', reason: 'the role that connects may not read it' };
  if (column.composite) {
    const reason = `a composite value; map an expression that shows a part of it, such as (${column.name}).part`;
    return { kind: 'left out', reason };
  }
  const unsuitable = UNSUITABLE[shape.type] ?? (/^reg[a-z]+$/.test(shape.type) ? INTERNAL : undefined);
  if (unsuitable !== undefined) return { kind: 'left out', reason: unsuitable };
  const wanted = shape.array ? ofArray(column) : ofScalar(column, checks);
  if (wanted.kind === 'left out') return wanted;
  const [fault] = codecs[wanted.type].check(shape, { property: column.name, lossy: wanted.lossy });
  return fault === undefined
    ? wanted
    : shown('rich_text', { remark: `text, because ${plain(fault.message)}` });
}

/** Without the name of the property, which is not the column's. */
const plain = (message: string): string => message.replace(/^property ".*?": /s, '');

function ofArray({ shape, dimensions, type }: ColumnFacts): Shown {
  const labels = shape.category === 'text' || shape.category === 'enum';
  if (labels && dimensions <= 1) return shown('multi_select');
  return shown('rich_text', { locked: `${type} is shown as PostgreSQL writes it` });
}

function ofScalar(column: ColumnFacts, checks: readonly CheckFacts[]): Shown {
  const { shape } = column;
  switch (shape.category) {
    case 'enum':
      return shown('select');
    case 'boolean':
      return shown('checkbox', shape.nullable ? { remark: 'NULL shows as unticked' } : {});
    case 'date':
      return shown('date', { locked: automatic(column) });
    case 'number':
      return ofNumber(column);
    case 'range':
      return /^(date|ts|tstz)range$/.test(shape.type)
        ? shown('date')
        : shown('rich_text', { locked: `${column.type} is shown as PostgreSQL writes it` });
    case 'json':
      return shown('rich_text', { locked: 'JSON; without the direction it can be edited in Notion' });
    case 'uuid':
      return shown('rich_text');
    case 'text':
      return ofText(column, checks);
    case 'other':
      return TYPED_BY_PEOPLE.has(shape.type)
        ? shown('rich_text')
        : shown('rich_text', { locked: `${column.type} is shown as PostgreSQL writes it` });
    default:
      return shape.category satisfies never;
  }
}

const LOSSY = 'Notion may round more than 15 digits; a value that nobody edits there is never written back';

function ofNumber({ shape }: ColumnFacts): Shown {
  const exact = codecs.number.check(shape, { property: '' }).length === 0;
  return exact ? shown('number') : shown('number', { lossy: true, remark: LOSSY });
}

const AUTOMATIC =
  /^(created|inserted|updated|modified|changed|last_modified|last_updated|last_changed|date_created|date_modified)(_(at|on|date|time|ts))?$/;

/** Times that PostgreSQL sets by itself. */
const automatic = ({ name, hasDefault }: ColumnFacts): string | null =>
  hasDefault && AUTOMATIC.test(snakeOf(name)) ? 'PostgreSQL sets it' : null;

const CONTACTS = [
  ['email', /(^|_)e_?mail(_addr(ess)?)?$/],
  ['url', /(^|_)(url|uri|website|web_site|homepage|link)$/],
  ['phone_number', /(^|_)(phone|phone_(number|no)|mobile|mobile_number|cell|telephone|fax)$/],
] as const;

/** The pattern that a CHECK constraint asks for, if that is all it says. */
const PATTERN = /^CHECK \(\(*[^()']*\)?(?:::text)? ~\*? '((?:[^']|'')*)'(?:::text)?\)+$/;
/** What only such a text has. */
const PATTERNS = [
  ['email', /@/],
  ['url', /^\^?\(?https?/],
] as const;

function ofText(column: ColumnFacts, checks: readonly CheckFacts[]): Shown {
  const own = checks.filter(({ columns }) => columns.length === 1 && columns[0] === column.name);
  const labels = own.map(({ definition }) => allowedLabels(definition, column.name) ?? []);
  const choices = labels.find((each) => each.length > 0) ?? [];
  if (choices.length > 0 && areOptions(choices)) return shown('select', { choices });
  const name = snakeOf(column.name);
  const asked = own.map(({ definition }) => PATTERN.exec(definition)?.[1] ?? '');
  const contact =
    CONTACTS.find(([, pattern]) => pattern.test(name)) ??
    PATTERNS.find(([, pattern]) => asked.some((each) => pattern.test(each)));
  return shown(contact?.[0] ?? 'rich_text');
}

const areOptions = (labels: readonly string[]): boolean =>
  new Set(labels.map(fold)).size === labels.length &&
  labels.every((label) => label.trim() !== '' && label.length <= TEXT_LIMITS.optionName);
