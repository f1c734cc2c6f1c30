import type { Json, PageImage, PageValue } from '../model/change.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import type { PageExtras } from '../model/page.ts';
import { pick } from '../model/pick.ts';
import type { PagePlan } from '../model/plan.ts';
import { withoutChange } from '../model/sets.ts';
import { handsBackUploads, linksOnly } from '../model/uploads.ts';
import type { CompletePage } from '../notion/pages.ts';
import { extrasToRestore } from '../state/extras.ts';
import type { SyncRecord } from '../state/records.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Delivered, Delivery } from './context.ts';

/** What a request takes of the page beyond the values that it writes. */
export type Kept = {
  /** What the page's properties hold now. */
  readonly present: PageExtras;
  /** What a rollback brings back, instead. */
  readonly restored: PageExtras;
};

/** Which fields a second try leaves alone, with the reason, or writes without their uploads. */
export type Second = { readonly withheld: ReadonlyMap<string, string>; readonly bare: ReadonlySet<string> };
export const FIRST: Second = { withheld: new Map(), bare: new Set() };

/**
 * Whether a field that is to be written may hold more than the base says, so that the page must be seen first. A listing
 * may lag behind an upload, which nothing could bring back: files are always looked at.
 */
export const mayHoldMore = (
  { table }: Pick<Delivery, 'table'>,
  { extras }: Pick<SyncRecord, 'extras'>,
  plan: Pick<PagePlan, 'writes'>,
): boolean =>
  table.fields.some(
    ({ property, codec }) =>
      property in plan.writes &&
      codec.extras !== undefined &&
      (codec.type === 'files' || extras === null || extras.includes(property)),
  );

/** What of the page stays beside these writes, and what a rollback brings back with them. */
export async function keptBeside(
  context: SyncContext,
  { table, entry, replacedExtras }: Delivery,
  { plan, now }: { readonly plan: Pick<PagePlan, 'writes'>; readonly now: CompletePage | null },
  { bare }: Second,
): Promise<Kept> {
  const written = table.fields.filter(
    ({ property, codec }) => property in plan.writes && codec.extras !== undefined,
  );
  const names = written.map(({ property }) => property);
  const present = pick(
    now?.extras ?? {},
    names.filter((name) => !bare.has(name)),
  );
  const replaced =
    names.length === 0 || !replacedExtras ? [] : await extrasToRestore(context.store, entry, names);
  const restored: Record<string, Json> = {};
  for (const { property, codec } of written) {
    const same = (before: PageValue | undefined): boolean =>
      before !== undefined && codec.same(plan.writes[property] ?? null, before);
    // The newest write that replaced this very value tells what it held beyond it.
    const found = replaced.find(({ fields, before }) => fields.includes(property) && same(before[property]));
    const extras = found?.extras[property];
    if (extras === undefined || bare.has(property)) continue;
    // What people have uploaded since must not give way to what they had uploaded before.
    if (codec.type === 'files' && now?.extras[property] !== undefined) continue;
    restored[property] = codec.restore?.(extras) ?? extras;
  }
  return { present, restored };
}

/**
 * What a second try does if Notion refused a request that handed uploaded files back: those fields wait for a person, since
 * a write without the uploads would destroy them; one of which a person has decided so is written without. Null if the
 * refusal cannot be of that kind.
 */
export function withoutUploads(
  answer: Delivered,
  kept: Kept,
  second: Second,
  conflicts: readonly LiveConflict[],
): Second | null {
  if (answer.kind !== 'parked' || answer.failure.code === 'notion_page_in_trash' || second !== FIRST)
    return null;
  return sparing(kept, conflicts, answer.failure.reason);
}

/** The same before the first try, where a probe of the workspace has found that Notion refuses or loses such files. */
export const withoutTryingUploads = (
  kept: Kept,
  second: Second,
  conflicts: readonly LiveConflict[],
): Second | null =>
  second === FIRST
    ? sparing(kept, conflicts, 'the probe of this workspace has shown it (`pgnotion doctor --probe`)')
    : null;

function sparing(kept: Kept, conflicts: readonly LiveConflict[], reason: string): Second | null {
  const uploads = fieldsWithUploads(kept);
  const decided = conflicts.flatMap(({ field, by, choice }) =>
    by !== null && choice === 'postgres' ? [field] : [],
  );
  const why = (name: string): string =>
    `a write of ${name} would remove the files that were uploaded in Notion, since Notion refuses to take them back: ${reason}`;
  const withheld = uploads
    .filter((name) => !decided.includes(name))
    .map((name) => [name, why(name)] as const);
  return uploads.length === 0
    ? null
    : { withheld: new Map(withheld), bare: new Set(uploads.filter((name) => decided.includes(name))) };
}

/** The fields of a request that hand uploaded files back. */
const fieldsWithUploads = ({ present, restored }: Kept): readonly string[] =>
  Object.entries({ ...present, ...restored }).flatMap(([name, property]) =>
    handsBackUploads(property) ? [name] : [],
  );

/**
 * What the page's base becomes for sets that both sides changed: without the page's own change, which is still news for
 * the row.
 */
export const baseOfMerged = (plan: Pick<PagePlan, 'merged'>, image: PageImage): PageImage =>
  Object.fromEntries(
    [...plan.merged].flatMap(([name, { pageChange, rules }]) =>
      name in image ? [[name, withoutChange(image[name] ?? null, pageChange, rules)]] : [],
    ),
  );

/** The base of fields that are withheld: without the uploads, so that both sides count as changed until one gives way. */
export const baseOfWithheld = (
  { basePage }: Pick<SyncRecord, 'basePage'>,
  plan: Pick<PagePlan, 'held'>,
  { withheld }: Second,
): PageImage =>
  Object.fromEntries(
    plan.held.flatMap((name) =>
      withheld.has(name) && name in basePage ? [[name, linksOnly(basePage[name] ?? null)]] : [],
    ),
  );
