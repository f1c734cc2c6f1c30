import type { Json } from '../../model/change.ts';
import type { PageId } from '../../model/ids.ts';
import { type Answer, type Answers, found, unknown } from '../../model/probe/evidence.ts';
import { hostedFile } from '../../model/probe/judge.ts';
import { CREATED_PAGES, PROPERTY, roundOf, TRASHED_PAGES } from '../../model/probe/plan.ts';
import { propertiesByName } from '../../notion/probe-client.ts';
import type { Place } from './scratch.ts';
import type { Session } from './session.ts';
import { type Trials, tryWrites, type Write } from './trials.ts';
import { tryTwice } from './tried.ts';

export type ChangeTrials = {
  readonly trials: Trials;
  readonly hostedFiles: Answers['hostedFiles'];
  /** What the relation of the first page was written with; null if it was not, or one of them is not in the trash. */
  readonly targets: { readonly live: PageId; readonly trashed: PageId } | null;
};

type Options = {
  readonly hasLinks: boolean;
  readonly times: readonly number[];
  readonly reserve: number;
};

const FILE = { name: 'pgnotion-probe.txt', text: 'made by pgnotion doctor --probe\n' } as const;

/** The trials that change and trash pages, and with them the questions about relations and files. */
export async function makeChanges(
  session: Session,
  place: Place,
  created: Trials,
  { hasLinks, times, reserve }: Options,
): Promise<ChangeTrials> {
  const pageAt = (number: number): PageId | undefined => created.written.get(`create ${number}`);
  const [first, live, trashed] = [pageAt(1), pageAt(CREATED_PAGES - TRASHED_PAGES), pageAt(CREATED_PAGES)];
  const files = filesOf(session);
  let written: ChangeTrials['targets'] = null;
  const linked = async () => {
    if (!hasLinks || live === undefined || trashed === undefined) return update(session, first, roundOf(1));
    const links = { [PROPERTY.links]: { relation: [{ id: live }, { id: trashed }] } };
    // Whether it was carried out, the page tells.
    written = { live, trashed };
    return update(session, first, { ...roundOf(1), ...links });
  };
  const writes: readonly Write[] = [
    { id: 'change 1', round: 1, send: linked },
    { id: 'change 2', round: 1, send: () => files.attach(pageAt(2)) },
    { id: 'change 3', round: 1, send: () => update(session, pageAt(3), roundOf(1)) },
    { id: 'change 4', round: 2, send: () => files.handBack(pageAt(2)) },
    { id: 'change 5', round: 1, send: () => update(session, pageAt(4), roundOf(1)) },
    ...Array.from({ length: TRASHED_PAGES }, (_, at): Write => {
      const number = CREATED_PAGES - at;
      return { id: `trash ${number}`, round: null, send: () => trash(session, pageAt(number)) };
    }),
  ];
  const trials = await tryWrites(session, place, writes, { times, reserve });
  const isTrashed = trials.written.has(`trash ${CREATED_PAGES}`);
  return { trials, hostedFiles: files.answer(), targets: isTrashed ? written : null };
}

type Done = Awaited<ReturnType<Write['send']>>;

async function update(
  { notion, timed }: Session,
  page: PageId | undefined,
  properties: Readonly<Record<string, Json>>,
): Promise<Done> {
  if (page === undefined) return null;
  const id = page;
  const { answeredMs } = await timed((ask) => notion.updatePage({ id, properties }, ask));
  return { answeredMs, page: id };
}

async function trash({ notion, timed }: Session, page: PageId | undefined): Promise<Done> {
  if (page === undefined) return null;
  const id = page;
  const { answeredMs } = await timed((ask) => notion.setTrash(id, true, ask));
  return { answeredMs, page: id };
}

type Files = {
  readonly attach: (page: PageId | undefined) => Promise<Done>;
  readonly handBack: (page: PageId | undefined) => Promise<Done>;
  readonly answer: () => Answers['hostedFiles'];
};

/** Uploads a file, attaches it, and hands back what Notion shows of it. Where that fails, the write is a plain one. */
function filesOf(session: Session): Files {
  const { notion, timed } = session;
  let answer: Answers['hostedFiles'] = unknown('no file could be uploaded');
  let shown: Json | null = null;
  const write = async (id: PageId, round: number, files: Json) => {
    const properties = { ...roundOf(round), [PROPERTY.files]: { files: [files] } };
    const { answeredMs, value } = await timed((ask) => notion.updatePage({ id, properties }, ask));
    return { done: { answeredMs, page: id }, hosted: hostedFile(propertiesByName(value)) };
  };
  return {
    answer: () => answer,
    attach: async (page) => {
      if (page === undefined) return null;
      const upload = await uploaded(session);
      if (upload.kind === 'unknown') {
        answer = upload;
        return update(session, page, roundOf(1));
      }
      const file = { type: 'file_upload', file_upload: { id: upload.value }, name: FILE.name };
      const tried = await tryTwice(session, () => write(page, 1, file));
      if (tried.kind !== 'found') {
        answer = unknown(`the file that was uploaded could not be attached (${tried.why})`);
        return update(session, page, roundOf(1));
      }
      shown = tried.value.hosted;
      if (shown === null) answer = unknown('Notion does not show the file that was uploaded');
      return tried.value.done;
    },
    handBack: async (page) => {
      const file = shown;
      if (page === undefined || file === null) return update(session, page, roundOf(2));
      const tried = await tryTwice(session, () => write(page, 2, file));
      if (tried.kind === 'found') {
        answer = found(tried.value.hosted === null ? 'dropped' : 'taken');
        return tried.value.done;
      }
      answer = tried.kind === 'refused' ? found('refused') : tried;
      return update(session, page, roundOf(2));
    },
  };
}

async function uploaded(session: Session): Promise<Answer<string>> {
  const { client, ask } = session;
  const tried = await tryTwice(session, async () => {
    const id = await client.beginUpload(FILE.name, ask());
    await client.sendUpload(id, FILE, ask());
    return id;
  });
  return tried.kind === 'found' ? tried : unknown(`no file could be uploaded (${tried.why})`);
}
