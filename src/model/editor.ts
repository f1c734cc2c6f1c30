import type { Json } from './change.ts';
import { sameJson } from './json.ts';

/** A value that was seen on a page before it could be taken over, and who had edited the page last by then. */
export type SeenValue = {
  readonly field: string;
  readonly value: Json;
  /** A user's id; null if this connection had written last. */
  readonly editor: string | null;
};

/** Who made a change that came from Notion. */
export type Editor =
  /** The edit was the page's last one when it was seen. */
  | { readonly kind: 'known'; readonly id: string }
  /** Somebody else, or this connection, wrote to the page before the edit was seen: it may have been any of these. */
  | { readonly kind: 'someone'; readonly candidates: readonly string[] }
  /** No person did it: a property or an option was deleted. */
  | { readonly kind: 'notion' }
  /** A person's decision is carried out; `name` is as they gave it. */
  | { readonly kind: 'decided'; readonly name: string };

/** What the audit trail and the users' own triggers are told where nobody can say who it was. */
export const SOMEONE = 'a person in Notion';
/** The same where it was no person. */
export const NOBODY = 'notion';

/**
 * Who made an edit. Notion names one user for a whole page: its last editor. That is the person as long as nothing was
 * written since, and never this connection, whose own writes have replaced the name.
 */
export function editorOf(
  edit: {
    readonly lastEditedBy: string | null;
    /** The values that are taken over, by field. */
    readonly values: Readonly<Record<string, Json>>;
  },
  botId: string,
  seen: readonly SeenValue[],
): Editor {
  const last = edit.lastEditedBy === botId ? null : edit.lastEditedBy;
  const known = Object.entries(edit.values).map(([field, value]) => {
    const sighting = seen.find((each) => each.field === field && sameJson(each.value, value));
    return sighting === undefined ? last : sighting.editor;
  });
  const [first = last, ...others] = known;
  if (first !== null && others.every((each) => each === first)) return { kind: 'known', id: first };
  const candidates = [...seen.map(({ editor }) => editor), ...known, last].filter((each) => each !== null);
  return { kind: 'someone', candidates: [...new Set(candidates)] };
}

/** Putting a page into the trash, or taking it out, does not change its last editor: who did it is not known. */
export const moverOf = (lastEditedBy: string | null, botId: string): Editor => ({
  kind: 'someone',
  candidates: lastEditedBy === null || lastEditedBy === botId ? [] : [lastEditedBy],
});
