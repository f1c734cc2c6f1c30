import type { Json, PageValue } from './change.ts';
import type { Fault } from './errors.ts';
import { digestOf } from './page.ts';
import type { PagePlan } from './plan.ts';

/** A property as a request sends it. */
export type SentField = {
  /** The property's name in the configuration. */
  readonly name: string;
  /** What stands for it in the request: its id, or its name. */
  readonly key: string;
  readonly value: Json;
  /** `valueDigest` of what the field holds. */
  readonly digest: string;
  /** A property that pgnotion adds itself, beside the mapped ones. */
  readonly own: boolean;
};

/** A field that Notion refused to write. */
export type RefusedField = {
  readonly field: string;
  readonly own: boolean;
  /** Digest of the value that was refused; null if the property itself was, whatever the value. */
  readonly value: string | null;
  readonly reason: string;
  readonly remedy: string;
};

export const valueDigest = (value: PageValue): string => digestOf({ value });

/** The plan without what Notion has refused already, which becomes faults of the record. */
export function leaveOut(plan: PagePlan, refused: readonly RefusedField[]): PagePlan {
  const known = new Map(refused.map((each) => [each.field, each]));
  const writes: Record<string, PageValue> = {};
  const faults: Fault[] = [...plan.faults];
  for (const [name, value] of Object.entries(plan.writes)) {
    const one = known.get(name);
    if (one === undefined || (one.value !== null && one.value !== valueDigest(value))) writes[name] = value;
    else faults.push({ path: name, message: one.reason, remedy: one.remedy });
  }
  return { ...plan, writes, faults };
}

const UUID = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/gi;

/** The ids in a text, without dashes. */
export const idsIn = (text: string): readonly string[] =>
  (text.match(UUID) ?? []).map((id) => id.replaceAll('-', '').toLowerCase());

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Each way in which Notion's wordings point to a property, the surest first. */
const SIGNS: readonly ((message: string, field: SentField) => boolean)[] = [
  // `body failed validation: body.properties.Tags.multi_select.length should be …`
  (message, { key, name }) =>
    [key, name].some((each) => {
      const place = new RegExp(
        `properties(?:\\.${escaped(each)}|\\[["'\`]${escaped(each)}["'\`]\\])(?![\\w])`,
      );
      return place.test(message);
    }),
  // `Stage is not a property that exists.`, `Stage is expected to be status.`
  (message, { key, name }) =>
    [key, name].some((each) => message.startsWith(`${each} is `) || message.includes(`: ${each} is `)),
  // `Could not find page with ID: …`, for a page or a person that the field points to.
  (message, { value }) => {
    const sent = new Set(idsIn(JSON.stringify(value)));
    return idsIn(message).some((id) => sent.has(id));
  },
  // `Status option "Later" does not exist`
  (message, { value }) => optionsIn(value).some((name) => message.includes(`"${name}"`)),
  (message, { key, name }) =>
    [key, name].some((each) =>
      [`"${each}"`, `'${each}'`, `\`${each}\``].some((quoted) => message.includes(quoted)),
    ),
];

function optionsIn(value: Json): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(optionsIn);
  if (typeof value !== 'object' || value === null) return [];
  const { name, select, status, multi_select: many } = value as Readonly<Record<string, Json>>;
  const inner = [select, status, many].flatMap((each) => (each === undefined ? [] : optionsIn(each)));
  return typeof name === 'string' ? [name, ...inner] : inner;
}

/** The fields that a refusal is about, as far as its message tells; null if it does not. */
export function refusedIn(message: string, sent: readonly SentField[]): readonly string[] | null {
  for (const sign of SIGNS) {
    const named = sent.filter((field) => sign(message, field));
    if (named.length > 0 && named.length < Math.max(2, sent.length)) return named.map(({ name }) => name);
  }
  return null;
}
