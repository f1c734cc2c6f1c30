import { randomUUID } from 'node:crypto';
import { type Call, pageAt, pathId, type Route } from './call.ts';
import { countAt, idAt, objectAt, stringAt } from './check.ts';
import { floorToMinute } from './dates.ts';
import { failed, invalid, notFound } from './errors.ts';
import { listAnswer, queryOf, slice } from './query.ts';
import {
  namesOf,
  renderChild,
  renderComment,
  renderDataSource,
  renderPage,
  renderUser,
  titleOf,
} from './render.ts';
import { parseRuns, plainOf, plainRuns } from './richtext.ts';
import { isReachable, isSharedSource, isTrashed, isTrashedSource } from './sharing.ts';
import type { Comment, DataSource, JsonObject, Page, User } from './types.ts';

const ID = '([^/]+)';

function me(call: Call): JsonObject {
  return renderUser(userAt(call, call.by), call.store.behaviour.uploadBytes);
}

function userAt(call: Call, id: string): User {
  const user = call.store.users.get(id);
  if (user === undefined) throw notFound('user', id);
  return user;
}

/** A list endpoint's answer out of all items, cut by the request's cursor and page size. */
function listOf<T extends { readonly id: string }>(
  call: Call,
  type: string,
  items: readonly T[],
  render: (item: T) => JsonObject,
): JsonObject {
  const given = call.query.get('start_cursor') ?? undefined;
  const size = countAt(call.query.get('page_size') ?? undefined, 'query.page_size', 100, 100);
  const place = new Map(items.map((item, index) => [item.id, index]));
  const cut = slice(
    call.cursors,
    { cap: Number.POSITIVE_INFINITY, shortPages: call.cuts.shortPages },
    call.at,
    {
      query: queryOf(type, call.query.get('block_id')),
      items: () => items,
      compare: () => (a, b) => (place.get(a.id) ?? -1) - (place.get(b.id) ?? -1),
      cursor: given,
      size,
    },
  );
  return listAnswer(type, cut, cut.items.map(render));
}

type Found =
  | { readonly kind: 'page'; readonly entity: Page }
  | { readonly kind: 'data_source'; readonly entity: DataSource };

function search(call: Call): JsonObject {
  const filter = call.body.filter === undefined ? {} : objectAt(call.body.filter, 'body.filter');
  const wanted = filter.value;
  if (wanted !== undefined && wanted !== 'page' && wanted !== 'data_source') {
    throw failed('body.filter.value', '`"page"` or `"data_source"`', wanted);
  }
  const trash = filter.in_trash === true;
  const text = call.body.query === undefined ? '' : stringAt(call.body.query, 'body.query').toLowerCase();
  const names = namesOf(call.store);
  const pages = call.store.pages.visible(call.at).filter((page) => isReachable(call.store, page));
  const sources = call.store.dataSources
    .visible(call.at)
    .filter((source) => isSharedSource(call.store, source));
  const found: Found[] = [
    ...pages
      .filter((page) => wanted !== 'data_source' && isTrashed(call.store, page) === trash)
      .filter((page) => titleOf(call.store, page).toLowerCase().includes(text))
      .map((entity): Found => ({ kind: 'page', entity })),
    ...sources
      .filter((source) => wanted !== 'page' && isTrashedSource(call.store, source) === trash)
      .filter((source) => plainOf(source.title, names).toLowerCase().includes(text))
      .map((entity): Found => ({ kind: 'data_source', entity })),
  ];
  const sort = call.body.sort === undefined ? {} : objectAt(call.body.sort, 'body.sort');
  const sign = sort.direction === 'ascending' ? 1 : -1;
  const cut = slice(call.cursors, { cap: call.cuts.cap, shortPages: call.cuts.shortPages }, call.at, {
    query: queryOf('search', text, wanted ?? null, trash, sign),
    items: () => found,
    compare: () => (a, b) =>
      sign * (floorToMinute(a.entity.lastEditedTime) - floorToMinute(b.entity.lastEditedTime)) ||
      a.entity.id.localeCompare(b.entity.id),
    cursor: call.body.start_cursor,
    size: countAt(call.body.page_size, 'body.page_size', 100, 100),
  });
  const results = cut.items.map((one) =>
    one.kind === 'page' ? renderPage(call, one.entity) : renderDataSource(call, one.entity),
  );
  return listAnswer('page_or_data_source', cut, results);
}

function createComment(call: Call): JsonObject {
  const { body, store } = call;
  const thread =
    body.discussion_id === undefined
      ? undefined
      : store.comments
          .all()
          .find((one) => one.discussionId === idAt(body.discussion_id, 'body.discussion_id'));
  const parent = thread === undefined ? objectAt(body.parent, 'body.parent') : { page_id: thread.pageId };
  const pageId = idAt(parent.page_id ?? parent.block_id, 'body.parent.page_id');
  if (isTrashed(store, pageAt(call, pageId))) throw invalid('Cannot comment on a page in the trash.');
  const comment: Comment = {
    id: randomUUID(),
    pageId,
    discussionId: thread?.discussionId ?? randomUUID(),
    runs:
      body.rich_text === undefined
        ? plainRuns(stringAt(body.markdown, 'body.rich_text', 2000))
        : parseRuns(body.rich_text, 'body.rich_text'),
    createdTime: call.at,
    createdBy: call.by,
  };
  store.comments.put(comment);
  return renderComment(store, comment);
}

function listComments(call: Call): JsonObject {
  const pageId = idAt(call.query.get('block_id') ?? undefined, 'query.block_id');
  pageAt(call, pageId, 'block');
  const comments = call.store.comments.all().filter((comment) => comment.pageId === pageId);
  return listOf(call, 'comment', comments, (comment) => renderComment(call.store, comment));
}

/** The sandbox's pages have no content but the pages and databases that stand on them. */
function listBlocks(call: Call): JsonObject {
  const { store } = call;
  const { id } = pageAt(call, pathId(call, 'block_id'), 'block');
  const children = [
    ...store.pages
      .all()
      .filter((page) => page.parent.type === 'page_id' && page.parent.pageId === id)
      .filter((page) => page.shared && !page.inTrash)
      .map((page) => ({ id: page.id, answer: renderChild(call, 'child_page', page) })),
    ...store.databases
      .all()
      .filter((database) => database.parentPageId === id && database.shared && !database.inTrash)
      .map((database) => ({ id: database.id, answer: renderChild(call, 'child_database', database) })),
  ];
  return listOf(call, 'block', children, ({ answer }) => answer);
}

function createUpload(call: Call): JsonObject {
  const { mode = 'single_part', filename } = call.body;
  if (mode !== 'single_part') throw invalid('The sandbox takes uploads of a single part only.');
  const id = randomUUID();
  const name = filename === undefined ? null : stringAt(filename, 'body.filename');
  call.store.uploads.set(id, { name, sent: false, at: call.at });
  return renderUpload(call, id);
}

function sendUpload(call: Call): JsonObject {
  const id = pathId(call, 'file_upload_id');
  const upload = call.store.uploads.get(id);
  if (upload === undefined) throw notFound('file upload', id);
  call.store.uploads.set(id, { ...upload, sent: true });
  return renderUpload(call, id);
}

function renderUpload(call: Call, id: string): JsonObject {
  const { name, sent, at } = call.store.uploads.get(id) ?? { name: null, sent: false, at: call.at };
  const time = new Date(at).toISOString();
  return {
    object: 'file_upload',
    id,
    created_time: time,
    created_by: { id: call.by, type: call.store.users.get(call.by)?.kind ?? 'bot' },
    last_edited_time: time,
    in_trash: false,
    expiry_time: new Date(at + 3_600_000).toISOString(),
    status: sent ? 'uploaded' : 'pending',
    filename: name,
    content_type: 'text/plain',
    content_length: null,
    ...(sent ? {} : { upload_url: `https://api.notion.com/v1/file_uploads/${id}/send` }),
  };
}

export const otherRoutes: readonly Route[] = [
  {
    operation: 'fileUploads.create',
    members: ['mode', 'filename', 'content_type', 'number_of_parts', 'external_url'],
    method: 'POST',
    pattern: /^\/v1\/file_uploads$/,
    run: createUpload,
  },
  {
    operation: 'fileUploads.send',
    method: 'POST',
    pattern: new RegExp(`^/v1/file_uploads/${ID}/send$`),
    run: sendUpload,
  },
  { operation: 'users.me', method: 'GET', pattern: /^\/v1\/users\/me$/, run: me },
  {
    operation: 'users.list',
    method: 'GET',
    pattern: /^\/v1\/users$/,
    run: (call) => listOf(call, 'user', call.store.users.all(), renderUser),
  },
  {
    operation: 'users.retrieve',
    method: 'GET',
    pattern: new RegExp(`^/v1/users/${ID}$`),
    run: (call) => renderUser(userAt(call, pathId(call, 'user_id'))),
  },
  {
    operation: 'search',
    members: ['query', 'sort', 'filter', 'start_cursor', 'page_size'],
    method: 'POST',
    pattern: /^\/v1\/search$/,
    run: search,
  },
  {
    operation: 'comments.create',
    members: ['parent', 'discussion_id', 'rich_text', 'markdown', 'display_name'],
    method: 'POST',
    pattern: /^\/v1\/comments$/,
    run: createComment,
  },
  { operation: 'comments.list', method: 'GET', pattern: /^\/v1\/comments$/, run: listComments },
  {
    operation: 'blocks.children.list',
    method: 'GET',
    pattern: new RegExp(`^/v1/blocks/${ID}/children$`),
    run: listBlocks,
  },
];
