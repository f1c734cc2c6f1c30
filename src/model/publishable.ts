import type { Fault } from './errors.ts';
import type { IndexFacts, PartFacts, Publishing, TableFacts, WantedTable } from './publishing.ts';

const GENERATED_FROM = 180_000;

/**
 * Whether a table can be published so that every INSERT, UPDATE and DELETE of the application still works (invariant 17)
 * and every change is in the log and names its record (invariant 1). Gives what speaks against it, with the fix.
 */
export function publishFaults(
  wanted: WantedTable,
  facts: TableFacts | undefined,
  on: Publishing,
): readonly Fault[] {
  const fault = (message: string, remedy: string): Fault => ({
    path: wanted.name,
    message,
    remedy,
    drift: 'table_unpublishable',
  });
  if (facts === undefined)
    return [
      {
        ...fault(
          'there is no such table',
          'check the name (schema.table) in the configuration, or make the table',
        ),
        drift: 'table_missing',
      },
    ];
  const kind = KINDS[facts.kind];
  if (kind !== undefined)
    return [
      fault(
        `it is ${kind}`,
        "only a table's changes are in the log: give the table as the source and the view's SELECT as its query",
      ),
    ];
  const gone = goneKeyFault(wanted, facts);
  if (gone !== null) return [fault(gone.message, gone.remedy)];
  const faults = [
    treeFault(wanted, facts, on),
    ...facts.parts.map((part) => partFault(wanted, facts, part, on)),
  ].filter((each) => each !== null);
  // A primary key mends the identity too, and that of a partitioned table gives each partition one.
  const key = keyFault(wanted, facts);
  // What an index shows says nothing where the key's columns are not what they were.
  const byKey = key !== null && (facts.kind === 'p' || faults.every(({ showsOther }) => showsOther === true));
  const all = byKey ? [...faults.filter((one) => !one.lacksKey && !one.showsOther), key] : faults;
  return all.map(({ message, remedy }) => fault(message, remedy));
}

type Wrong = {
  readonly message: string;
  readonly remedy: string;
  readonly lacksKey?: boolean;
  readonly showsOther?: boolean;
};

const KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
};

/**
 * A key whose columns are gone, and no other in its place: no statement alone brings back which row belongs to which page.
 * While the table is published, its rows can be given their keys only with an identity that shows them whole.
 */
function goneKeyFault({ key, name }: WantedTable, { quoted, columns, parts }: TableFacts): Wrong | null {
  const gone = (key ?? []).filter((column) => !Object.hasOwn(columns, column)).join(', ');
  if (key === null || gone === '' || parts.some(({ primary }) => primary !== null)) return null;
  const identity = (as: string): string =>
    parts.map((part) => `ALTER TABLE ${part.name} REPLICA IDENTITY ${as};`).join(' ');
  return {
    message: `${gone}, of its key, is gone, so that nothing tells which row belongs to which page, and every UPDATE and DELETE on it fails while it is published`,
    remedy: `for UPDATE and DELETE: ${identity('FULL')} Then give the rows their ${gone} back, with the values that they had, and: ALTER TABLE ${quoted} ADD PRIMARY KEY (${key.map(quote).join(', ')}); ${identity('DEFAULT')} Or take the table of ${name} out of the configuration, and run \`pgnotion start\` again`,
  };
}

function treeFault(wanted: WantedTable, facts: TableFacts, on: Publishing): Wrong | null {
  if (facts.heirs.length > 0 && !wanted.withoutHeirs) {
    const heirs = facts.heirs.join(', ');
    return {
      message: `${heirs} inherit${facts.heirs.length === 1 ? 's' : ''} from it: a query of it reads their rows too, whose changes the log gives under another name, and no key is unique across them`,
      remedy: `sync its own rows alone by giving the table a query: 'select * from only ${facts.quoted}' (and each inheriting table as a table of its own), or end the inheritance: ${facts.heirs.map((heir) => `ALTER TABLE ${heir} NO INHERIT ${facts.quoted};`).join(' ')}`,
    };
  }
  const root = facts.ancestors.find((name) => on.wanted.has(name));
  if (root === undefined) return null;
  return {
    message: `it is a partition of ${root}, which is synced or joined too: its changes are in the log under that name`,
    remedy: `sync either ${root} or its partitions: take one of them out of the configuration`,
  };
}

/** What speaks against one part of a table. The first fault hides the others, which may go with it. */
function partFault(wanted: WantedTable, facts: TableFacts, part: PartFacts, on: Publishing): Wrong | null {
  const it = part.name === facts.quoted ? 'it' : `its partition ${part.name}`;
  if (part.kind === 'f')
    return {
      message: `${it} is a foreign table, whose changes are in no log`,
      remedy: `take it out: ALTER TABLE ${facts.quoted} DETACH PARTITION ${part.name}; or sync the other partitions one by one`,
    };
  if (part.persistence !== 'p')
    return {
      message: `${it} is ${part.persistence === 'u' ? 'unlogged' : 'temporary'}: its changes are in no log`,
      remedy: `ALTER TABLE ${part.name} SET LOGGED;`,
    };
  const make = keyStatement(wanted, facts, part);
  return identityFault(wanted, part, it, make) ?? generatedFault(wanted, part, it, { on, make });
}

/** How a part of a table gets a primary key. That of a joined table is nowhere told, and may have to be made. */
function keyStatement({ key, identifiedBy }: WantedTable, facts: TableFacts, part: PartFacts): string {
  const known = key ?? part.primary?.columns ?? identifiedBy;
  const isWhole = part.name === facts.quoted;
  const columns = known.length > 0 ? known : isWhole ? (facts.uniqueKeys[0] ?? []) : [];
  if (columns.length > 0)
    return `ALTER TABLE ${part.name} ADD PRIMARY KEY (${columns.map(quote).join(', ')});`;
  if (isWhole)
    return `ALTER TABLE ${part.name} ADD COLUMN pgnotion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;`;
  // Before PostgreSQL 17 a partitioned table has no identity columns; each partition says the same.
  return `ALTER TABLE ${facts.quoted} ADD COLUMN IF NOT EXISTS pgnotion_id bigserial; ALTER TABLE ${part.name} ADD PRIMARY KEY (pgnotion_id);`;
}

/** As PostgreSQL chooses the columns that identify an old row: a valid index whose constraint is not deferrable. */
function identityFault(wanted: WantedTable, part: PartFacts, it: string, make: string): Wrong | null {
  const table = `ALTER TABLE ${part.name}`;
  const would = 'so that every UPDATE and DELETE on it fails once it is published';
  const byDefault = isUsable(part.primary)
    ? `${table} REPLICA IDENTITY DEFAULT;`
    : `${make} ${table} REPLICA IDENTITY DEFAULT;`;
  switch (part.identity) {
    case 'f':
      return null;
    case 'n':
      return { message: `${it} has REPLICA IDENTITY NOTHING, ${would}`, remedy: byDefault };
    case 'd':
      return part.primary === null
        ? {
            message: `${it} has neither a primary key nor another replica identity, ${would}`,
            remedy: `give it a primary key: ${make}`,
            lacksKey: true,
          }
        : (indexFault(part, part.primary, it, would) ?? shownFault(wanted, part, part.primary, it));
    case 'i':
      return part.chosen === null
        ? {
            message: `the index that is ${it === 'it' ? 'its' : `the`} replica identity${it === 'it' ? '' : ` of ${part.name}`} was dropped, ${would}`,
            remedy: byDefault,
          }
        : (indexFault(part, part.chosen, it, would) ?? shownFault(wanted, part, part.chosen, it));
    default:
      return part.identity satisfies never;
  }
}

const isUsable = (index: IndexFacts | null): boolean => index?.valid === true && index.immediate;

function indexFault(part: PartFacts, index: IndexFacts, it: string, would: string): Wrong | null {
  if (!index.immediate) {
    const name = quote(`${lastName(part.name)}_identity`.slice(0, 63));
    return {
      message: `the primary key of ${it === 'it' ? 'it' : part.name} is DEFERRABLE, which cannot be a replica identity, ${would}`,
      remedy: `CREATE UNIQUE INDEX ${name} ON ${part.name} (${index.columns.map(quote).join(', ')}); ALTER TABLE ${part.name} REPLICA IDENTITY USING INDEX ${name}; or make the constraint anew without DEFERRABLE`,
    };
  }
  if (index.valid) return null;
  return {
    message: `the index ${index.name} that identifies its rows is not valid, ${would}`,
    remedy: `REINDEX INDEX ${index.name};`,
  };
}

function shownFault(wanted: WantedTable, part: PartFacts, index: IndexFacts, it: string): Wrong | null {
  const hidden = wanted.identifiedBy.filter((column) => !index.columns.includes(column));
  if (hidden.length === 0) return null;
  const whose = it === 'it' ? 'its replica identity' : `the replica identity of ${part.name}`;
  const primary = part.primary;
  const asDefault = isUsable(primary) && hidden.every((column) => primary?.columns.includes(column));
  return {
    showsOther: true,
    message: `${whose} leaves out ${hidden.join(', ')}, so that a DELETE does not tell which row it was`,
    remedy: `ALTER TABLE ${part.name} REPLICA IDENTITY ${asDefault ? 'DEFAULT' : 'FULL'};`,
  };
}

/** Generated columns are in the log from PostgreSQL 18 on, if the publication says so, and virtual ones never. */
function generatedFault(
  wanted: WantedTable,
  part: PartFacts,
  it: string,
  { on, make }: { readonly on: Publishing; readonly make: string },
): Wrong | null {
  const index = part.identity === 'i' ? part.chosen : part.primary;
  const identified = part.identity === 'f' ? [] : (index?.columns ?? []);
  const logged = on.versionNumber >= GENERATED_FROM;
  if (logged && part.identity === 'f' && part.virtual.length > 0)
    return {
      message: `${it} has REPLICA IDENTITY FULL and the virtual generated column ${part.virtual.join(', ')}, which no publication can show, so that every UPDATE and DELETE on it fails once it is published`,
      remedy: isUsable(part.primary)
        ? `ALTER TABLE ${part.name} REPLICA IDENTITY DEFAULT;`
        : `${make} ALTER TABLE ${part.name} REPLICA IDENTITY DEFAULT;`,
    };
  if (on.generated) return null;
  const needed = logged && part.identity === 'f' ? part.stored : [...wanted.identifiedBy, ...identified];
  const unseen = needed.filter((column) => part.stored.includes(column));
  if (unseen.length === 0) return null;
  return {
    message: `${it} is identified by the generated column ${[...new Set(unseen)].join(', ')}, which is not in the log${logged ? ', so that every UPDATE and DELETE on it fails once it is published' : ''}`,
    remedy: logged
      ? `as the owner of the publication: ALTER PUBLICATION ${quote(on.publication)} SET (publish_generated_columns = stored);`
      : 'PostgreSQL shows generated columns in the log from version 18 on: use a key of plain columns (primary key, or REPLICA IDENTITY USING INDEX on a unique index of them)',
  };
}

function keyFault({ key }: WantedTable, facts: TableFacts): Wrong | null {
  if (key === null) return null;
  const same = (columns: readonly string[]): boolean =>
    columns.length === key.length && columns.every((column) => key.includes(column));
  if (facts.uniqueKeys.some(same)) return null;
  const primary = facts.parts.find(({ primary }) => primary !== null)?.primary ?? null;
  if (primary !== null) return otherKeyFault(key, primary.columns, facts);
  const columns = key.map(quote).join(', ');
  return {
    message: `nothing keeps its key (${key.join(', ')}) unique and without NULL`,
    remedy: `a record needs a key that never repeats: ALTER TABLE ${facts.quoted} ADD PRIMARY KEY (${columns});`,
  };
}

/** The primary key is another one, or its columns are called otherwise: nobody can tell which. */
function otherKeyFault(
  key: readonly string[],
  present: readonly string[],
  { quoted }: Pick<TableFacts, 'quoted'>,
): Wrong {
  const gone = key.filter((column) => !present.includes(column));
  const come = present.filter((column) => !key.includes(column));
  const renames = gone.map(
    (column, at) => `ALTER TABLE ${quoted} RENAME COLUMN ${quote(come[at] ?? '')} TO ${quote(column)};`,
  );
  const back =
    gone.length === come.length ? `; or, if its columns were only renamed: ${renames.join(' ')}` : '';
  return {
    message: `nothing keeps its key (${key.join(', ')}) unique and without NULL: its primary key is (${present.join(', ')})`,
    remedy: `set its key to ${JSON.stringify(present)} in the configuration, and run \`pgnotion start\` again${back}`,
  };
}

/** That policies hide rows: a hidden row would look as if it had been deleted (invariant 1). */
export function visibilityFaults(
  wanted: WantedTable,
  facts: TableFacts | undefined,
  { role }: Pick<Publishing, 'role'>,
): readonly Fault[] {
  if (facts?.rowSecurity !== true) return [];
  const owned = facts.owned
    ? `ALTER TABLE ${facts.quoted} NO FORCE ROW LEVEL SECURITY;`
    : `GRANT ${facts.owner} TO ${role}; (the owner of a table sees all of its rows)`;
  return [
    {
      path: wanted.name,
      drift: 'rows_hidden',
      message: `row-level security decides which rows of it the role ${role} sees, and a hidden row would look deleted`,
      remedy: `as a superuser: ALTER ROLE ${role} BYPASSRLS; or ${owned}`,
    },
  ];
}

/** What the publication needs for a table that can be published; null if it is as it has to be. */
export function membershipFault(
  wanted: WantedTable,
  facts: TableFacts,
): 'absent' | 'filtered' | 'columns' | null {
  const { membership } = facts;
  if (membership === null) return facts.covered ? null : 'absent';
  if (membership.filtered) return 'filtered';
  const { columns } = membership;
  if (columns === null) return null;
  const identities = facts.parts.flatMap((part) =>
    part.identity === 'f' ? [] : ((part.identity === 'i' ? part.chosen : part.primary)?.columns ?? []),
  );
  const suffices =
    facts.parts.every((part) => part.identity !== 'f') &&
    [...identities, ...wanted.columns, ...wanted.identifiedBy].every((column) => columns.includes(column));
  return suffices ? null : 'columns';
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The relation's own name out of a qualified and quoted one. */
const lastName = (quoted: string): string =>
  (
    /(?:"((?:[^"]|"")*)"|([^."]+))$/
      .exec(quoted)
      ?.slice(1)
      .find((name) => name !== undefined) ?? quoted
  ).replaceAll('""', '"');
