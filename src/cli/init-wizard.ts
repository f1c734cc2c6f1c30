import {
  type CommonOptions,
  confirm,
  intro,
  isCancel,
  log,
  multiselect,
  note,
  password,
  text,
  updateSettings,
} from '@clack/prompts';
import { wrapAnsi } from 'fast-wrap-ansi';
import { knownError } from '../model/connection-lost.ts';
import { notionIdIn } from '../model/notion-address.ts';
import { PERCENT_ENCODING, readPostgresUrl } from '../model/postgres-url.ts';
import { sentences } from '../model/sentences.ts';
import { rowsText } from '../model/suggestion/config-text.ts';
import type { Suggestion } from '../model/suggestion/facts.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { cancelled, pageIdIn, type Questions } from './init.ts';

/** What was answered; Ctrl-C, Ctrl-D and Escape end the command. */
function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) throw cancelled();
  return answer as Exclude<T, symbol>;
}

/** The terminal's own streams unless others are given. */
type Streams = Pick<CommonOptions, 'input' | 'output'>;

type Connect = Parameters<Questions['settings']>[1];

/** The questions of `init` on a terminal. What is known already is not asked. */
export function wizard(on: Streams = {}): Questions {
  // Ctrl-D ends the input, and a question that is left without an answer would wait for ever.
  updateSettings({ aliases: { '\x04': 'cancel' } });
  return {
    settings: async ({ url, token, parent }, connect) => {
      intro('pgnotion init', on);
      // What was given is tried too, before anything is asked in vain.
      if (url !== '') await connect(url);
      return {
        url: url || (await askUrl(connect, on)),
        token: token || (await askToken(on)),
        parent: parent || (await askParent(on)),
      };
    },
    tables: async ({ suggest }) => askTables((await suggest(null)).suggestion, on),
    mayWrite: async (files) => answered(await confirm({ ...on, message: `Write ${files.join(' and ')}?` })),
  };
}

/** Asks until it connects; what was typed is there to be corrected. */
async function askUrl(connect: Connect, on: Streams): Promise<string> {
  for (let initialValue = ''; ; ) {
    const url = answered(
      await text({
        ...on,
        message: 'PostgreSQL: the address of the database',
        placeholder: 'postgres://pgnotion_sync:password@localhost:5432/app',
        initialValue,
        validate: urlFault,
      }),
    ).trim();
    try {
      await connect(url);
      return url;
    } catch (error) {
      const known = knownError(error);
      if (known === null) throw error;
      tellFault(sentences(known.message, known.remedy), on);
      initialValue = url;
    }
  }
}

function urlFault(value: string | undefined): string | undefined {
  const read = readPostgresUrl(value?.trim() ?? '');
  if ('url' in read) return undefined;
  return `the address ${read.encoding ? sentences(read.message, PERCENT_ENCODING) : read.message}`;
}

function tellFault(fault: string, on: Streams): void {
  const output = on.output ?? process.stdout;
  const columns = 'columns' in output && typeof output.columns === 'number' ? output.columns : 80;
  log.error(wrapAnsi(fault, Math.max(20, columns - 4)), on);
}

const askToken = async (on: Streams): Promise<string> =>
  (
    answered(await password({ ...on, message: "Notion: the connection's token (empty: later)" })) ?? ''
  ).trim();

async function askParent(on: Streams): Promise<string> {
  const message = 'Notion: the page under which databases are created, its address (empty: later)';
  const validate = (value: string | undefined): string | undefined =>
    (value ?? '').trim() === '' || notionIdIn(value ?? '', 'page') !== null
      ? undefined
      : 'this is neither the id of a page (32 hexadecimal digits) nor its address in Notion';
  return pageIdIn(answered(await text({ ...on, message, validate })) ?? '');
}

async function askTables({ tables, unsuitable }: Suggestion, on: Streams): Promise<readonly string[] | null> {
  const reasons = unsuitable.map(
    ({ source, faults }) => `${source}: ${cutText(faults[0]?.message ?? '', TEXT_LIMITS.shownKey)}`,
  );
  if (reasons.length > 0) note(reasons.join('\n'), 'Tables that cannot be synced as they are', on);
  if (tables.length === 0) return null;
  const options = tables.map(({ source, rows }) => ({
    value: source as string,
    label: `${source} (${rowsText(rows) ?? 'not counted yet'})`,
  }));
  const message = 'Which tables? (space chooses, enter goes on)';
  return answered(await multiselect({ ...on, message, options, required: true, maxItems: 15 }));
}
