import { z } from 'zod';
import { type PageId, pageId, type TableName } from '../model/ids.ts';
import { propertyId } from '../model/schema/property-id.ts';

/** What a delivery asks to be looked at. It holds no values: Notion sends none, and may send it late or twice. */
export type PageHint = {
  readonly page: PageId;
  readonly table: TableName | null;
  readonly changed: 'all' | readonly string[];
  readonly left: boolean;
};

/** A synced table as webhooks name it. */
export type KnownSource = {
  readonly table: TableName;
  readonly dataSource: string;
  readonly database: string | null;
  /** Ids of the mapped relation properties. */
  readonly relations: readonly string[];
};

const text = z.string().min(1).max(200);

const event = z.object({
  type: text,
  entity: z.object({ id: text, type: text }),
  authors: z
    .array(z.object({ id: text }))
    .max(1_000)
    .catch([]),
  data: z
    .object({
      parent: z.object({ id: text, type: text, data_source_id: text.optional() }).optional().catch(undefined),
      updated_properties: z.array(text).optional().catch(undefined),
    })
    .catch({}),
});

const handshake = z.object({ verification_token: z.string().min(8).max(500) });

type Delivery =
  | { readonly kind: 'handshake'; readonly token: string }
  | { readonly kind: 'event'; readonly event: z.output<typeof event> }
  /** JSON, but nothing that we know: a newer kind of Notion's. */
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed' };

/** Reads the body of a delivery. Never throws. */
export function readDelivery(body: string): Delivery {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { kind: 'malformed' };
  }
  const asked = handshake.safeParse(value);
  if (asked.success) return { kind: 'handshake', token: asked.data.verification_token };
  const told = event.safeParse(value);
  return told.success ? { kind: 'event', event: told.data } : { kind: 'other' };
}

/** Which part of a page each kind of event tells of. Others, of this day or a later one, tell nothing. */
const KINDS: Readonly<Record<string, 'named' | 'all' | 'none' | 'left'>> = {
  'page.properties_updated': 'named',
  'page.content_updated': 'none',
  'page.created': 'all',
  'page.undeleted': 'all',
  'page.moved': 'all',
  'page.deleted': 'left',
};

/** Events of the connection's own writes need no look, for each write's answer has been looked at. */
export function hintOf(
  { type, entity, authors, data }: z.output<typeof event>,
  sources: readonly KnownSource[],
  botId: string,
): PageHint | null {
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (kind === undefined || entity.type !== 'page') return null;
  const source = sources.find((each) => isParent(each, data.parent));
  // A page that moved away has another parent by now: only its record, if there is one, tells that it was ours.
  if (source === undefined && kind !== 'left' && type !== 'page.moved') return null;
  const named = (data.updated_properties ?? []).map(propertyId);
  const ours = authors.length > 0 && authors.every(({ id }) => plain(id) === plain(botId));
  // Whose event it is when a page comes and goes is no matter: that is rare, and worth a look.
  const written = type === 'page.created' || type.endsWith('_updated');
  // But writing one end of a two-way relation changes a page that no write of ours was meant for.
  if (ours && written && !named.some((id) => source?.relations.includes(id))) return null;
  const changed =
    kind === 'named' ? (data.updated_properties === undefined ? 'all' : named) : kind === 'all' ? 'all' : [];
  try {
    return { page: pageId(entity.id), table: source?.table ?? null, changed, left: kind === 'left' };
  } catch {
    return null;
  }
}

/** Whether an event is about a data source, or a page in it. */
export const isOfSource = ({ entity, data }: z.output<typeof event>, dataSource: string): boolean =>
  [entity.id, data.parent?.data_source_id ?? ''].some((id) => plain(id) === plain(dataSource));

const plain = (id: string): string => id.replaceAll('-', '').toLowerCase();

type Parent = { readonly id: string; readonly data_source_id?: string | undefined } | undefined;

function isParent(source: KnownSource, parent: Parent): boolean {
  if (parent === undefined) return false;
  const { data_source_id: named, id } = parent;
  if (named !== undefined) return plain(named) === plain(source.dataSource);
  return [source.dataSource, source.database].some((each) => each !== null && plain(each) === plain(id));
}
