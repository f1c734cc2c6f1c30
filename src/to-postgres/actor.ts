import type { PageImage, PageValue } from '../model/change.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import { type Editor, editorOf, NOBODY, SOMEONE } from '../model/editor.ts';
import type { ResolvedField } from '../model/mapping.ts';
import type { Actor } from '../postgres/write.ts';
import type { EditTimes } from '../state/edit-times.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Sighting } from './context.ts';

/** Who is named for a change of a row, in the audit trail and to the users' own triggers. */
export async function actorOf({ people }: Pick<SyncContext, 'people'>, editor: Editor): Promise<Actor> {
  switch (editor.kind) {
    case 'known':
      return { id: editor.id, name: await people.nameOf(editor.id) };
    case 'decided':
      return { id: null, name: editor.name };
    case 'notion':
      return { id: null, name: NOBODY };
    case 'someone': {
      const names = await Promise.all(editor.candidates.map((id) => people.nameOf(id)));
      return { id: null, name: SOMEONE, candidates: names.filter((name) => name !== null) };
    }
    default:
      return editor satisfies never;
  }
}

/** Who is named for these fields of a page: whoever decided about them, or typed them. */
export const actorFor = (
  context: SyncContext,
  { page, image }: Sighting,
  fields: readonly ResolvedField[],
  {
    sightings,
    decision,
  }: Pick<EditTimes, 'sightings'> & { readonly decision: Pick<LiveConflict, 'by'> | undefined },
): Promise<Actor> => {
  if (decision?.by != null) return actorOf(context, { kind: 'decided', name: decision.by });
  const values = valuesAt(image, fields);
  return actorOf(context, editorOf({ lastEditedBy: page.lastEditedBy, values }, context.botId, sightings));
};

/** A page's values of these fields. */
export const valuesAt = (image: PageImage, fields: readonly ResolvedField[]): Record<string, PageValue> =>
  Object.fromEntries(fields.map(({ property }) => [property, image[property] ?? null]));
