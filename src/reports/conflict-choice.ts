import { plainText } from '../model/codecs/text.ts';
import { choiceOf, RESOLUTION, VALUE } from '../model/conflict-page.ts';
import { SOMEONE } from '../model/editor.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { NotionPage } from '../notion/client.ts';
import { unlessGone } from '../notion/error-classification.ts';
import { markChoiceTaken } from '../state/conflict-pages.ts';
import { noteConflict, readConflict, resolveConflict } from '../state/conflicts.ts';
import type { ReportDatabasePlace } from '../state/report-databases.ts';
import type { ConflictPagesContext } from './conflict-pages.ts';
import { typedValue } from './conflict-values.ts';

const ASK = { priority: 'poll' } as const;

/** Carries out what a person has chosen on the page of a conflict, or says there why that cannot be done. */
export async function takeChoice(
  context: ConflictPagesContext,
  place: ReportDatabasePlace,
  conflict: string,
  seen: PageId,
): Promise<void> {
  const { store, notion, people, botId, log } = context;
  // The query may lag and show a choice that has been carried out, or taken back.
  // One that is not shown any more is looked at once it is back.
  const page = await notion.retrievePage(seen, ASK).catch(unlessGone);
  const option = page && optionOf(place, page);
  if (page === null || option === null) return;
  const choice = await choiceOn(context, { place, page }, conflict, option);
  if ('why' in choice) {
    return store.transaction(async (sql) => {
      await noteConflict(sql, conflict, choice.why);
      await markChoiceTaken(sql, conflict);
    });
  }
  const known = page.lastEditedBy === botId ? null : await people.nameOf(page.lastEditedBy);
  const who = known ?? SOMEONE;
  const { message } = await store.transaction(async (sql) => {
    await markChoiceTaken(sql, conflict);
    return resolveConflict(sql, conflict, choice, who);
  });
  log.info({ conflict, who }, message);
}

type Chosen =
  | { readonly keep: 'postgres' | 'notion' }
  | { readonly value: string }
  | { readonly why: string };

/** What stands on the page as something that can be carried out, or why it cannot. */
async function choiceOn(
  { store, tables }: ConflictPagesContext,
  { place, page }: { readonly place: ReportDatabasePlace; readonly page: NotionPage },
  conflict: string,
  option: string,
): Promise<Chosen> {
  const line = await readConflict(store, conflict);
  const name = line?.fields[0] ?? null;
  const choice = choiceOf(option, textOf(place, page), name);
  if (choice.kind === 'side') return { keep: choice.keep };
  if (choice.kind === 'unclear') return { why: choice.why };
  const field = tables
    .get(line?.table_name ?? ('' as TableName))
    ?.fields.find(({ property }) => property === name);
  if (field === undefined) return { why: 'this property is not synced any more: choose a side' };
  const value = typedValue(field, choice.text);
  if ('json' in value) return { value: value.json };
  return { why: `"${VALUE}" cannot be used: ${value.fault.told?.wrong ?? value.fault.message}` };
}

function textOf(place: ReportDatabasePlace, page: NotionPage): string {
  const property = page.properties[place.properties[VALUE] ?? ''];
  return plainText(property?.rich_text) ?? '';
}

function optionOf(place: ReportDatabasePlace, page: NotionPage): string | null {
  const property = page.properties[place.properties[RESOLUTION] ?? ''] as
    | { readonly select?: { readonly name?: unknown } | null }
    | undefined;
  const name = property?.select?.name;
  return typeof name === 'string' ? name : null;
}
