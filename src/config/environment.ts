import { z } from 'zod';
import { ADMIN_ADDRESS, readAdminPort } from '../model/admin-address.ts';
import type { Fault } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { TableMapping } from '../model/mapping.ts';
import { distance, nearest } from '../model/nearest.ts';
import { notionIdIn } from '../model/notion-address.ts';
import { PERCENT_ENCODING, readPostgresUrl } from '../model/postgres-url.ts';
import { parseRateLimit } from '../notion/throttle.ts';
import { HEAP_GROWTH_PERCENT } from '../runtime/heap.ts';
import { namesSides } from './cross-checks.ts';
import { invalidConfig } from './invalid-config.ts';
import type { Config } from './mapping-file.ts';

/** One row of the option table: it makes the parser, and the table in docs/reference.md is checked against it. */
type Option = { readonly name: string; readonly help: string; readonly schema: z.ZodType };

const text = z.string().trim().min(1, { error: 'is empty' });
const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
  .transform((value) => value === 'true' || value === '1');
const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ error }).int({ error }).min(least, { error }).max(most, { error });
};
const seconds = (least: number, most: number) => {
  const error = `must be a number from ${least} to ${most}`;
  return z.coerce.number({ error }).min(least, { error }).max(most, { error });
};
const oneOf = <const T extends readonly string[]>(names: T) =>
  z.enum(names, { error: `must be one of ${names.join(', ')}` });
const address = z.url({ protocol: /^https?$/, error: 'is not a URL that begins with http:// or https://' });
const postgresUrl = z.string().transform((value, context) => {
  const read = readPostgresUrl(value);
  if ('url' in read) return read.url;
  const params = { ...(read.encoding && { remedy: PERCENT_ENCODING }) };
  context.addIssue({ code: 'custom', message: read.message, params });
  return z.NEVER;
});
const pastedPage = text.transform((value, context) => {
  const id = notionIdIn(value, 'page');
  if (id !== null) return id;
  context.addIssue({
    code: 'custom',
    message: 'is neither the id of a page (32 hexadecimal digits) nor its address in Notion',
  });
  return z.NEVER;
});
const rate = z.string().transform((value, context) => {
  try {
    return parseRateLimit(value);
  } catch {
    context.addIssue({
      code: 'custom',
      message:
        'must be requests per window, such as 180/60s, with at least 1 request and a window of more than 0 s',
    });
    return z.NEVER;
  }
});

/** A port, 0 for any free one, or null for none. */
const port = z.string().transform((value, context) => {
  const read = readAdminPort(value);
  if (read !== null) return read === 'off' ? null : read;
  context.addIssue({ code: 'custom', message: 'must be a port from 0 to 65535, or off' });
  return z.NEVER;
});

const shape = {
  DATABASE_URL: postgresUrl,
  REPLICATION_URL: postgresUrl.optional(),
  NOTION_API_KEY: text,
  NOTION_BASE_URL: address.optional(),
  NOTION_VERSION: oneOf(['2025-09-03', '2026-03-11']).default('2026-03-11'),
  NOTION_RATE_LIMIT: rate.default({ requests: 180, windowMs: 60_000 }),
  NOTION_TIMEOUT_SECONDS: seconds(0.1, 600).default(30),
  NOTION_PARENT_PAGE_ID: pastedPage.optional(),
  SYNC_ENABLED: flag.default(true),
  SYNC_INTERVAL_SECONDS: seconds(0.1, 86_400).default(15),
  SYNC_BATCH_SIZE: whole(1, 1_000).default(100),
  SYNC_CREATE_GRACE_SECONDS: seconds(0.1, 3_600).default(60),
  SYNC_QUERY_LAG_SECONDS: seconds(0, 3_600).default(60),
  SYNC_CONFLICT_STRATEGY: oneOf(['lww', 'manual', 'field_precedence']).default('lww'),
  ADMIN_HOST: text.default(ADMIN_ADDRESS.host),
  ADMIN_PORT: port.default(ADMIN_ADDRESS.port),
  ADMIN_TOKEN: text.optional(),
  ALERT_WEBHOOK_URL: address.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: address.optional(),
  HEAP_GROWTH_PERCENT: whole(0, 1_000).default(HEAP_GROWTH_PERCENT),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
};

export const HELP: Readonly<Record<keyof typeof shape, string>> = {
  DATABASE_URL: 'PostgreSQL, with a role that may replicate',
  REPLICATION_URL: 'the same server without a pooler, if DATABASE_URL goes through one',
  NOTION_API_KEY: "the connection's token",
  NOTION_BASE_URL: 'another address than https://api.notion.com, such as the sandbox',
  NOTION_VERSION: 'the API version: 2026-03-11 or 2025-09-03',
  NOTION_RATE_LIMIT: 'requests per window: 180/60s; 600/60s on Business plans',
  NOTION_TIMEOUT_SECONDS:
    "how long one request to Notion may take, from its first byte to its answer's last (0.1 to 600)",
  NOTION_PARENT_PAGE_ID: 'the page under which `apply` creates databases: its id or its address',
  SYNC_ENABLED: 'false: `start` checks everything, and leaves nothing behind',
  SYNC_INTERVAL_SECONDS: 'seconds between two polls of a database (0.1 to 86400)',
  SYNC_BATCH_SIZE:
    'records that one round of the delivery takes (1 to 1000); 25 at most of a bulk change or first sync',
  SYNC_CREATE_GRACE_SECONDS:
    'how long a page whose creation got no answer may still appear in Notion before it is created again (0.1 to 3600); if not set, longer where `doctor --probe` has found it so',
  SYNC_QUERY_LAG_SECONDS:
    'how long a query of Notion may miss what was written before it; a database that was there before is watched that long first (0 to 3600); if not set, what `doctor --probe` has found',
  SYNC_CONFLICT_STRATEGY:
    'who wins a field that both sides changed: lww (the last write), manual or field_precedence',
  ADMIN_HOST:
    "the address that the dashboard, health checks and Notion's webhooks are answered at; 0.0.0.0 for all of the machine's",
  ADMIN_PORT: 'its port; 0 for any free one, off for none',
  ADMIN_TOKEN:
    'what opens the dashboard and the API; if not set, one is made at each start and written to the log, and beyond this machine there is neither',
  ALERT_WEBHOOK_URL: 'where alerts are posted as JSON, such as an incoming webhook of Slack',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'where metrics are sent by OTLP over HTTP, such as http://localhost:4318',
  HEAP_GROWTH_PERCENT:
    'garbage is collected once the memory in use has grown by that much; more saves CPU time, 0 leaves it to Node (0 to 1000)',
  LOG_LEVEL: 'fatal, error, warn, info, debug, trace or silent',
};

export type Environment = z.output<z.ZodObject<typeof shape>> & {
  /** `NOTION_DATABASE_<TABLE>_ID`, as far as they are set. */
  readonly databaseIds: ReadonlyMap<TableName, string>;
  /** `NOTION_DATABASE_SYNC_LOG_ID` and `NOTION_DATABASE_CONFLICTS_ID`, as far as they are set. */
  readonly reportDatabaseIds: ReadonlyMap<ReportDatabase, string>;
  /** The variables that are set: what is not may follow what a probe of Notion has found out. */
  readonly given: ReadonlySet<string>;
};

const REPORT_DATABASES = ['sync_log', 'conflicts'] as const;
type ReportDatabase = (typeof REPORT_DATABASES)[number];

export const OPTIONS: readonly Option[] = Object.entries(shape).map(([name, schema]) => ({
  name,
  help: HELP[name as keyof typeof shape],
  schema,
}));

/** The variable that holds a table's database id. */
export const databaseVariable = (table: string): string =>
  `NOTION_DATABASE_${table.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_ID`;

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the environment. Throws `config_invalid` with every fault at once; a set but empty variable counts as unset. */
export function readEnvironment(variables: Variables, config: Pick<Config, 'tables'>): Environment {
  const { environment, faults } = readVariables(variables, config.tables);
  if (environment === null) throw invalidConfig(faults);
  return environment;
}

const setOnes = (variables: Variables): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, value]],
    ),
  );

/** What the environment says, null if anything in it is wrong, and all that is. `tables` are those that could be read. */
export function readVariables(
  variables: Variables,
  tables: readonly TableMapping[],
): { readonly environment: Environment | null; readonly faults: readonly Fault[] } {
  const given = setOnes(variables);
  const parsed = z.object(shape).safeParse(given);
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => toFault(issue, given));
  faults.push(...tables.flatMap((table, at) => sharedVariable(table, tables.slice(0, at))));
  if (given.SYNC_CONFLICT_STRATEGY === 'field_precedence' && tables.length > 0 && !tables.some(namesSides))
    faults.push(noPrecedence);
  if (!parsed.success || faults.length > 0) return { environment: null, faults };
  const idOf = (name: string): string | undefined => {
    const pasted = given[databaseVariable(name)];
    return pasted === undefined ? undefined : (notionIdIn(pasted, 'database') ?? pasted);
  };
  const databaseIds = new Map<TableName, string>();
  for (const table of tables) {
    const id = idOf(table.name);
    if (id !== undefined) databaseIds.set(table.name, id);
  }
  const reportDatabaseIds = new Map<ReportDatabase, string>();
  for (const name of REPORT_DATABASES) {
    const id = idOf(name);
    // A synced table of that name has the variable for itself.
    const isTable = tables.some((table) => databaseVariable(table.name) === databaseVariable(name));
    if (id !== undefined && !isTable) reportDatabaseIds.set(name, id);
  }
  const set = new Set(Object.keys(given).filter((name) => name in shape));
  return { environment: { ...parsed.data, databaseIds, reportDatabaseIds, given: set }, faults };
}

/**
 * Variables that look like ours and that nothing reads, each with the one that may be meant. The id of a table that is not
 * in the configuration (any more) is only told if it is spelled like one that is and is not set.
 */
export function unknownVariables(variables: Variables, tables: readonly TableMapping[]): readonly Fault[] {
  const given = Object.keys(setOnes(variables));
  const ids = [...tables.map(({ name }) => name), ...REPORT_DATABASES].map(databaseVariable);
  const known = [...Object.keys(shape), ...ids];
  return given
    .filter((name) => /^(?:NOTION|SYNC)_/.test(name) && !known.includes(name))
    .flatMap((name): Fault[] => {
      const isId = /^NOTION_DATABASE_.*_ID$/.test(name);
      const [near] = nearestUnset(name, isId ? ids : Object.keys(shape), given);
      if (isId && near === undefined) return [];
      return [
        {
          path: name,
          message: 'is not a variable of pgnotion, and nothing reads it',
          remedy:
            near === undefined ? 'remove it, or see docs/reference.md' : `set ${near} instead, or remove it`,
        },
      ];
    });
}

/** Those that are set already are not what was meant. */
function nearestUnset(name: string, known: readonly string[], given: readonly string[]): readonly string[] {
  const unset = known.filter((each) => !given.includes(each));
  const meant = ALIASES[name];
  if (meant !== undefined && unset.includes(meant)) return [meant];
  const most = Math.max(2, Math.floor(name.length / 6));
  return nearest(name, unset).filter((each) => distance(each, name) <= most);
}

/** Names that other programs give to the same things. */
const ALIASES: Readonly<Record<string, string>> = {
  NOTION_TOKEN: 'NOTION_API_KEY',
  NOTION_API_TOKEN: 'NOTION_API_KEY',
  NOTION_KEY: 'NOTION_API_KEY',
  NOTION_SECRET: 'NOTION_API_KEY',
  NOTION_PAGE_ID: 'NOTION_PARENT_PAGE_ID',
  NOTION_URL: 'NOTION_BASE_URL',
  SYNC_INTERVAL: 'SYNC_INTERVAL_SECONDS',
};

/** Two names may differ only in what a variable's name cannot hold: one id would then tie both tables to one database. */
function sharedVariable(
  { name }: { readonly name: TableName },
  others: readonly { readonly name: TableName }[],
): Fault[] {
  const variable = databaseVariable(name);
  const other = others.find((each) => databaseVariable(each.name) === variable);
  if (other === undefined) return [];
  return [
    {
      path: `tables.${name}`,
      message: `has the environment variable ${variable}, as ${other.name} does`,
      remedy:
        'rename one of the two in the configuration, so that they differ in letters A to Z or digits; source keeps the name in PostgreSQL',
    },
  ];
}

const noPrecedence: Fault = {
  path: 'SYNC_CONFLICT_STRATEGY',
  message: 'is field_precedence, and no field of the configuration says which side it goes by',
  remedy: 'set conflict to "postgres" or "notion" on the fields that it is meant for, or use lww',
};

function toFault(issue: z.core.$ZodIssue, given: Readonly<Record<string, string | undefined>>): Fault {
  const name = String(issue.path[0]);
  const help = HELP[name as keyof typeof shape];
  const remedy = `set the environment variable ${name}: ${help}`;
  // Never the value itself: it may be a password (invariant 14).
  if (!(name in given)) return { path: name, message: 'is not set', remedy };
  const own = issue.code === 'custom' ? issue.params?.remedy : undefined;
  return { path: name, message: issue.message, remedy: typeof own === 'string' ? own : remedy };
}
