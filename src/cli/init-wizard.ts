import {
  type CommonOptions,
  confirm,
  intro,
  isCancel,
  multiselect,
  note,
  password,
  text,
} from '@clack/prompts';
import { messageOf } from '../model/errors.ts';
import { rowsText } from '../model/suggestion/config-text.ts';
import type { Suggestion } from '../model/suggestion/facts.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { cancelled, pageIdIn, type Questions } from './init.ts';
import { databaseUrl } from './introspect.ts';

/** What was answered; Ctrl-C ends the command. */
function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) throw cancelled();
  return answer as Exclude<T, symbol>;
}

/** The terminal's own streams unless others are given. */
type Streams = Pick<CommonOptions, 'input' | 'output'>;

/** The questions of `init` on a terminal. What is known already is not asked. */
export function wizard(on: Streams = {}): Questions {
  intro('pgnotion init', on);
  return {
    settings: async ({ url, token, parent }) => ({
      url: url || (await askUrl(on)),
      token: token || (await askToken(on)),
      parent: parent || (await askParent(on)),
    }),
    tables: async ({ suggest }) => askTables((await suggest(null)).suggestion, on),
    mayWrite: async (files) => answered(await confirm({ ...on, message: `Write ${files.join(' and ')}?` })),
  };
}

const askUrl = async (on: Streams): Promise<string> =>
  answered(
    await text({
      ...on,
      message: 'PostgreSQL: the address of the database',
      placeholder: 'postgres://pgnotion_sync:password@localhost:5432/app',
      validate: (value) => {
        try {
          databaseUrl(value);
          return undefined;
        } catch (error) {
          return messageOf(error);
        }
      },
    }),
  );

const askToken = async (on: Streams): Promise<string> =>
  answered(await password({ ...on, message: "Notion: the connection's token (empty: later)" })) ?? '';

async function askParent(on: Streams): Promise<string> {
  const message = 'Notion: the page under which databases are created, its address (empty: later)';
  return pageIdIn(answered(await text({ ...on, message })) ?? '');
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
