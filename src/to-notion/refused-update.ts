import type { Fault } from '../model/errors.ts';
import { idsIn, refusedIn, type SentField } from '../model/refused-field.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import { dropRefusedFields, FIELD_REFUSED, keepRefusedField } from '../state/refused-fields.ts';
import type { SchemaState } from '../sync/context.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import { isOdd } from './failure.ts';
import type { PageRequest } from './request.ts';

export const recordName = ({ entry }: Pick<Delivery, 'entry'>): string => `${entry.table}/${entry.key}`;

/** Tells an entry that is parked for what Notion refused, which is tried again when the schema changes. */
export const codeOf = ({ refused }: Delivery, faults: readonly Fault[]): string =>
  faults.some(({ path }) => refused.some(({ field }) => field === path)) ? FIELD_REFUSED : 'value_refused';

const AT_ONCE: Delivered = { kind: 'postponed', ms: 0 };
/** Refusals of the property itself: it is the same for every record of the table. */
const OF_THE_PROPERTY: readonly string[] = ['notion_property_missing', 'notion_property_mistyped'];

/** Whether a failure may be about a single field, so that the others could be written without it. */
function mayBeOfField(
  error: unknown,
  { entry }: Delivery,
  sent: readonly SentField[],
): error is NotionFailure {
  if (!(error instanceof NotionFailure) || error.errorClass.effect !== 'none') return false;
  const { status, code, message } = error.errorClass;
  if (code === 'notion_page_in_trash' || code === 'notion_cursor_invalid') return false;
  // Notion answers 404 as well for what a value points to.
  if (status === 404)
    return (
      refusedIn(
        message,
        sent.filter(({ value }) => namesOne(message, value)),
      ) !== null
    );
  if (status !== 400 && status !== 413) return false;
  // It may pass by itself: only if it stays is it looked into.
  return refusedIn(message, sent) !== null || !isOdd(error, entry);
}

const namesOne = (message: string, value: SentField['value']): boolean => {
  const sent = new Set(idsIn(JSON.stringify(value)));
  return idsIn(message).some((id) => sent.has(id));
};

/**
 * What to do after Notion refused an update: leaves out the fields that the refusal is about, and goes on with the rest.
 * If the answer does not name them, halves of the request are tried. Null if it is not about a field. A request that was
 * made for a schema which is another one by now (an option that it names by its id is gone) is made anew.
 */
export async function afterRefusal(
  context: DeliverContext,
  delivery: Delivery,
  { sent }: PageRequest,
  error: unknown,
): Promise<Delivered | null> {
  if (!mayBeOfField(error, delivery, sent)) return null;
  const record = recordName(delivery);
  const schema = await schemaNow(context, delivery);
  if (isAnother(schema, delivery)) {
    context.refusedFields.end(record);
    return AT_ONCE;
  }
  const names = sent.map(({ name }) => name);
  const found = refusedIn(error.errorClass.message, sent);
  const refusal = { error, schema };
  if (found !== null) {
    await keep(context, { delivery, sent, names: found }, refusal, 'named');
    return AT_ONCE;
  }
  if (names.length > 1 && context.refusedFields.split(record, names)) return AT_ONCE;
  const searched = context.refusedFields.of(record) !== undefined;
  const left = context.refusedFields.decide(record, false);
  // Nothing at all is accepted: it is not about a field.
  if (searched && left !== undefined && left.groups.length === 0 && !left.accepted) {
    await context.store.transaction((sql) =>
      dropRefusedFields(sql, delivery.table.name, delivery.entry.key, all(delivery)),
    );
    return null;
  }
  if (!searched && names.length > 1) return null;
  await keep(context, { delivery, sent, names }, refusal, searched ? 'searched' : 'only');
  return AT_ONCE;
}

/** The same for a page that is to be made: it is made without them, and what was left out follows by updates. */
export async function afterRefusedCreate(
  context: DeliverContext,
  delivery: Delivery,
  { sent }: PageRequest,
  error: unknown,
): Promise<Delivered | null> {
  if (!mayBeOfField(error, delivery, sent)) return null;
  const schema = await schemaNow(context, delivery);
  if (isAnother(schema, delivery)) return AT_ONCE;
  const found = refusedIn(error.errorClass.message, sent);
  if (found !== null) {
    await keep(context, { delivery, sent, names: found }, { error, schema }, 'named');
    return AT_ONCE;
  }
  if (sent.length > 0 && context.refusedFields.lower(recordName(delivery))) return AT_ONCE;
  context.refusedFields.end(recordName(delivery));
  return null;
}

const all = ({ table }: Delivery): readonly string[] => [
  ...table.fields.map(({ property }) => property),
  ...(table.lastSyncedProperty === null ? [] : [table.lastSyncedProperty]),
];

async function keep(
  context: DeliverContext,
  {
    delivery,
    sent,
    names,
  }: { readonly delivery: Delivery; readonly sent: readonly SentField[]; readonly names: readonly string[] },
  { error: { errorClass }, schema }: { readonly error: NotionFailure; readonly schema: SchemaState | null },
  how: 'named' | 'only' | 'searched',
): Promise<void> {
  const { table, entry } = delivery;
  const refused = sent.filter(({ name }) => names.includes(name));
  await context.store.transaction(async (sql) => {
    for (const { name, own, digest } of refused) {
      // What a search finds may be of this page alone.
      const ofAll = how === 'named' && (own || OF_THE_PROPERTY.includes(errorClass.code));
      const by = how === 'searched' ? ' (found by trying the fields one by one)' : '';
      await keepRefusedField(sql, {
        table: table.name,
        key: ofAll ? null : entry.key,
        field: name,
        own,
        value: ofAll || own ? null : digest,
        schema: schema?.digest ?? null,
        code: errorClass.code,
        reason: `Notion refuses the property ${JSON.stringify(name)}${by}: ${errorClass.message}`,
        remedy: errorClass.remedy,
      });
    }
  });
  context.log.warn(
    { table: table.name, key: entry.key, fields: names, reason: errorClass.message },
    'a field was refused',
  );
}

/** Null if it cannot be told now: the next look at the schema keeps it. */
async function schemaNow({ schema }: DeliverContext, { table }: Delivery): Promise<SchemaState | null> {
  try {
    return await schema.afresh(table.name);
  } catch (error) {
    if (!(error instanceof NotionFailure)) throw error;
    return null;
  }
}

const isAnother = (schema: SchemaState | null, { source }: Delivery): boolean =>
  schema !== null && schema.version !== source.schemaVersion;
