import { codecs } from './codecs/registry.ts';
import { fold } from './codecs/values.ts';
import type { DataSourceId, TableName } from './ids.ts';
import type { Identified } from './schema/identify.ts';
import type { NamedProperty, WantedProperty } from './schema/known.ts';
import { canonicalName, hasOptions, optionsOf } from './schema/options.ts';
import type { PlannedRemoval } from './sync-plan.ts';

/** What `apply` has made of a property: the property itself (`whole`), and options of it, id to name. Nothing else is removed. */
export type MadeProperty = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly whole: boolean;
  readonly options: Readonly<Record<string, string>>;
};

type InSource = {
  readonly table: TableName;
  readonly dataSource: DataSourceId;
  readonly property: NamedProperty;
};

/** What the configuration has no place for any more. It is kept unless a person asks for its removal. */
export type Removal =
  /** A property that no field is mapped to. */
  | (InSource & { readonly kind: 'property' })
  /** A property whose field is to have another type, which takes away the values that do not fit. */
  | (InSource & { readonly kind: 'type'; readonly want: WantedProperty })
  /** An option that no label, value or choice stands for. */
  | (InSource & { readonly kind: 'option'; readonly option: { readonly id: string; readonly name: string } })
  /** A table that is not in the configuration: what is known of its pages. */
  | {
      readonly kind: 'table';
      readonly table: TableName;
      readonly dataSource: DataSourceId;
      readonly records: number;
    }
  /** A replication slot of ours under a former name, which keeps the server's log. */
  | { readonly kind: 'slot'; readonly slot: string };

type Schema = {
  readonly table: TableName;
  readonly dataSource: DataSourceId;
  readonly wanted: readonly WantedProperty[];
  readonly identified: Pick<Identified, 'ids' | 'known'>;
  readonly properties: readonly NamedProperty[];
  readonly made: readonly MadeProperty[];
};

/** What a data source has of what `apply` made in it, and the configuration does not want as it is. Pure. */
export function schemaRemovals(schema: Schema): readonly Removal[] {
  const { table, dataSource, wanted, identified, properties, made } = schema;
  return made.flatMap((each): readonly Removal[] => {
    const property = properties.find(({ id }) => id === each.id);
    if (property === undefined || property.type === 'title') return [];
    const at = { table, dataSource, property };
    const want = wanted.find(({ property: name }) => {
      const known = Object.hasOwn(identified.known, name) ? identified.known[name] : undefined;
      return known?.id === each.id;
    });
    if (want === undefined) return each.whole ? [{ kind: 'property', ...at }] : [];
    if (want.type === property.type) return optionRemovals(at, want, { schema, each });
    const isConvertible = each.whole && want.schemaJson !== null && want.type !== 'title';
    return isConvertible && want.type !== 'relation' ? [{ kind: 'type', ...at, want }] : [];
  });
}

function optionRemovals(
  at: InSource,
  want: WantedProperty,
  { schema, each }: { readonly schema: Schema; readonly each: MadeProperty },
): readonly Removal[] {
  const { field, type, schemaJson } = want;
  if (field === undefined || !hasOptions(type)) return [];
  const names = new Set(optionsOf(schemaJson, type).map(({ name }) => fold(name)));
  // A status without options of its own has those that Notion gives it.
  if (type === 'status' && names.size === 0) return [];
  const known = schema.identified.known[want.property]?.options ?? {};
  return optionsOf(at.property, type).flatMap(({ id, name }): Removal[] => {
    if (id === undefined || !Object.hasOwn(each.options, id)) return [];
    const option = known[id];
    if (names.has(fold(option === undefined ? name : canonicalName(field, option)))) return [];
    return [{ kind: 'option', ...at, option: { id, name } }];
  });
}

/** A condition on pages that would lose something; null if Notion computes what they show, which is not lost. */
export function losingPages(removal: Removal): Readonly<Record<string, unknown>> | null {
  if (removal.kind === 'table' || removal.kind === 'slot') return null;
  const { id, type } = removal.property;
  if (removal.kind === 'option') {
    const test = type === 'multi_select' ? 'contains' : 'equals';
    return { property: id, [type]: { [test]: removal.option.name } };
  }
  const codec = Object.values(codecs).find((each) => each.type === type);
  if (codec?.writable !== true) return null;
  return { property: id, [type]: type === 'checkbox' ? { equals: true } : { is_not_empty: true } };
}

/** As the plan tells it; `pages` is how many pages would lose a value, as far as they were counted. */
export type TellRemoval = {
  readonly removal: Removal;
  readonly pages: number | null;
  readonly more: boolean;
};

const pagesText = (pages: number): string => (pages === 1 ? '1 page' : `${pages} pages`);

const countText = ({ pages, more }: TellRemoval): string =>
  pages === null ? 'nothing' : `the values of ${more ? `more than ${pages} pages` : pagesText(pages)}`;

/** What there is, what is lost if it is removed, and how that comes back. */
export function removalText(told: TellRemoval): { readonly what: string; readonly lost: string } {
  const { removal } = told;
  switch (removal.kind) {
    case 'property':
      return {
        what: `the property ${JSON.stringify(removal.property.name)} (${removal.property.type}) is mapped to nothing any more`,
        lost: `${countText(told)} in it, which stay in pgnotion.operations; in Notion, people can restore the property`,
      };
    case 'type':
      return {
        what: `the property ${JSON.stringify(removal.property.name)} is a ${removal.property.type}, and its field a ${removal.want.type}`,
        lost: `${countText(told)} that do not fit, which stay in pgnotion.operations; then PostgreSQL's values are written`,
      };
    case 'option':
      return {
        what: `the option ${JSON.stringify(removal.option.name)} of ${JSON.stringify(removal.property.name)} stands for nothing any more`,
        lost:
          (told.pages ?? 0) > 0
            ? `nothing: it stays, since ${told.more ? 'more than ' : ''}${pagesText(told.pages ?? 0)} ${told.pages === 1 && !told.more ? 'has' : 'have'} it`
            : 'nothing: no page has it',
      };
    case 'table':
      return {
        what: `${removal.table} is not in the configuration any more`,
        lost: `which page is which row, ${removal.records} of them, which stays in pgnotion.operations; its database, pages and rows stay`,
      };
    case 'slot':
      return {
        what: `the replication slot ${removal.slot} was this installation's, which has another one now; it keeps the server's log`,
        lost: 'nothing: the present slot has its own place in the log',
      };
    default:
      return removal satisfies never;
  }
}

/** An option that a page has is never taken out: the page would lose it. */
export const isRemovable = ({ removal, pages }: TellRemoval): boolean =>
  removal.kind !== 'option' || pages === 0;

/** As a plan shows it. */
export function plannedRemoval(told: TellRemoval): PlannedRemoval {
  const { removal, pages } = told;
  const { kind } = removal;
  const asks = { property: 1, type: 1, option: 1, table: 0, slot: 0 }[kind];
  const reads = kind === 'property' || kind === 'type' ? (pages === null ? 0 : 1) : 0;
  return {
    table: removal.kind === 'slot' ? null : removal.table,
    kind,
    ...removalText(told),
    removable: isRemovable(told),
    requests: isRemovable(told) ? asks + reads : 0,
  };
}

/** What a plan is about, whatever is counted of it. */
export const removalName = ({ table, kind, what }: PlannedRemoval): string =>
  [table ?? '', kind, kind === 'table' || kind === 'slot' ? '' : what].join(' ').trim();
