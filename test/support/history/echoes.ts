import { atomsOf, EMPTY, type History, type PageVersion, type RowVersion } from './history.ts';

/** Their values are other records. */
const RELATIONS: ReadonlySet<string> = new Set(['Parent']);

/**
 * Rule 3, the other way round: what pgnotion brings into a row, or calls a conflict, somebody did in Notion. A write of its
 * own that it takes for a person's edit shows by either.
 */
export function judgeEchoes({ rows, pages, conflicts }: History): string[] {
  const byPeople = pages.filter(({ by }) => by !== 'pgnotion');
  const typed = new Set(byPeople.flatMap(setAtoms));
  const edited = new Set(byPeople.flatMap(changedProperties));
  return [
    ...[...Map.groupBy(rows, ({ line }) => line).values()].flatMap((versions) =>
      versions.flatMap((now, at) =>
        untyped(versions[at - 1], now, { typed, former: formerLife(rows, versions) }),
      ),
    ),
    ...conflicts
      .filter(({ page, property }) => !edited.has(`${page}/${property}`))
      .map(
        ({ page, property }) =>
          `echo: ${property} of page ${page} is a conflict, and nobody edited it in Notion`,
      ),
  ];
}

const changedProperties = ({ page, isNew, before, values }: PageVersion): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(values)])]
    .filter((property) => isNew || before[property] !== values[property])
    .map((property) => `${page}/${property}`);

const setAtoms = ({ before, values }: PageVersion): string[] =>
  Object.keys(values)
    .filter((property) => before[property] !== values[property])
    .flatMap((property) => atomsOf(property, values[property]).map((atom) => `${property}=${atom}`));

/** What a row of the same key held, if this one was made of its page: what it is made without follows from that page. */
const formerLife = (rows: readonly RowVersion[], [made]: readonly RowVersion[]): readonly RowVersion[] =>
  made?.by === 'pgnotion'
    ? rows.filter(({ table, key, n }) => table === made.table && key === made.key && n < made.n)
    : [];

/** What an update of pgnotion's put into a row without anybody having typed it. */
function untyped(
  old: RowVersion | undefined,
  now: RowVersion,
  { typed, former }: { readonly typed: ReadonlySet<string>; readonly former: readonly RowVersion[] },
): string[] {
  if (!old?.values || !now.values || now.by !== 'pgnotion' || now.cascaded) return [];
  const before = old.values;
  const had = (property: string, atom: string): boolean =>
    atomsOf(property, before[property]).includes(atom) ||
    (atomsOf(property, before[property]).every((each) => each === EMPTY) &&
      former.some(({ values }) => atomsOf(property, values?.[property]).includes(atom)));
  return Object.entries(now.values)
    .filter(
      ([property, text]) => !RELATIONS.has(property) && property !== 'Updated' && before[property] !== text,
    )
    .flatMap(([property, text]) =>
      atomsOf(property, text)
        .filter((atom) => atom !== EMPTY && !had(property, atom) && !typed.has(`${property}=${atom}`))
        .map(
          (atom) =>
            `echo: ${property} of ${now.table}/${now.key} got ${atom} from pgnotion, which nobody typed in Notion`,
        ),
    );
}
