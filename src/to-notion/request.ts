import type { Json, PageValue } from '../model/change.ts';
import { pick } from '../model/pick.ts';
import type { PagePlan } from '../model/plan.ts';
import { type SentField, valueDigest } from '../model/refused-field.ts';
import { fitted } from '../model/request-size.ts';
import { propertyKey } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Delivery } from './context.ts';
import type { Kept } from './extras.ts';

const NOTHING_KEPT: Kept = { present: {}, restored: {} };

/** One request for a page, out of all that is to be written to it. */
export type PageRequest = {
  readonly sent: readonly SentField[];
  /** The plan as far as this request carries it out. */
  readonly plan: PagePlan;
  /** Something is left for another request. */
  readonly more: boolean;
};

/**
 * Puts together what one request may hold. Fields that fit into no request become faults of the plan; what does not fit
 * beside the others, and what `only` leaves out, follows in other requests.
 */
export function requestFor(
  context: SyncContext,
  {
    delivery,
    plan,
    only,
  }: { readonly delivery: Delivery; readonly plan: PagePlan; readonly only: readonly string[] | null },
  kept: Kept = NOTHING_KEPT,
): PageRequest {
  const fields = fieldsOf(context, delivery, plan.writes, kept);
  const wanted = only === null ? fields : fields.filter(({ name }) => only.includes(name));
  const { now, faults } = fitted(wanted);
  const names = new Set(now.map(({ name }) => name));
  const unfit = new Set(faults.map(({ path }) => path));
  const left = Object.keys(plan.writes).filter((name) => !names.has(name) && !unfit.has(name));
  return {
    sent: now,
    plan: { ...plan, writes: pick(plan.writes, names), faults: [...plan.faults, ...faults] },
    more: left.length > 0,
  };
}

/** The properties to write, the key and the title first: a page that is made in parts can be found by them. */
function fieldsOf(
  context: SyncContext,
  { table, source, refused }: Delivery,
  writes: Readonly<Record<string, PageValue>>,
  { present, restored }: Kept,
): readonly SentField[] {
  const sent = (name: string, value: Json, own: boolean): SentField => ({
    name,
    key: propertyKey(source, name) ?? name,
    value,
    digest: valueDigest(writes[name] ?? null),
    own,
  });
  const first = (name: string, type: string): number =>
    name === table.idProperty ? 0 : type === 'title' ? 1 : 2;
  const mapped = table.fields
    .filter(({ property }) => property in writes && propertyKey(source, property) !== undefined)
    .sort((a, b) => first(a.property, a.type) - first(b.property, b.type))
    .map(({ property, codec }) => {
      const value = restored[property] ?? codec.write(writes[property] ?? null, present[property]);
      return sent(property, value, false);
    });
  const synced = table.lastSyncedProperty;
  if (synced === null || refused.some(({ field, own }) => own && field === synced)) return mapped;
  return [sent(synced, { date: { start: context.now().toISOString() } }, true), ...mapped];
}

export const propertiesOf = (sent: readonly SentField[]): Record<string, Json> =>
  Object.fromEntries(sent.map(({ key, value }) => [key, value]));
