import { afterAll, beforeAll, test } from 'vitest';
import { freePort } from '../../src/sandbox/postgres-server.ts';
import { applyUnchecked } from '../support/apply-unchecked.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { Outcome } from '../support/daemon-process.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';
import { expectRefusal, PASSWORD, TOKEN } from '../support/refusal.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';

let stage: CliStage;

beforeAll(async () => {
  stage = await createCliStage({ config: shopConfig, schema: shopSchema, sandbox: { token: TOKEN } });
});
afterAll(() => stage[Symbol.asyncDispose]());

const start = (variables: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
  stage.run(['start'], { LOG_LEVEL: 'debug', ...variables });

const elsewhere = (change: (url: URL) => void): string => {
  const url = new URL(stage.database.url);
  change(url);
  return url.href;
};
const login = { user: `cli_errors_${process.pid}`, password: PASSWORD };
const role = (sql: string): Promise<void> =>
  asAdmin(stage.database.url, async (admin) => void (await admin.query(sql)));

beforeAll(() => role(`create role ${login.user} login password '${PASSWORD}'`));
afterAll(() => role(`drop owned by ${login.user} cascade; drop role ${login.user}`));

test('nobody listens at the address', async () => {
  const port = String(await freePort());
  const DATABASE_URL = elsewhere((url) => {
    url.port = port;
  });
  expectRefusal(await start({ DATABASE_URL }), 'postgres_refused', new RegExp(port), /runs there/);
});

test('the password is wrong', async () => {
  const DATABASE_URL = elsewhere((url) => {
    url.password = PASSWORD;
  });
  expectRefusal(
    await start({ DATABASE_URL }),
    'postgres_login',
    /password authentication failed/,
    /password/,
  );
});

test('there is no such database', async () => {
  const DATABASE_URL = inDatabase(stage.database.url, 'no_such_database');
  expectRefusal(await start({ DATABASE_URL }), 'postgres_no_database', /no_such_database/, /database name/);
});

test('wal_level is not logical', async () => {
  const server = await startOwnPostgres({ wal_level: 'replica' });
  try {
    await using other = await createCliStage({
      config: shopConfig,
      schema: shopSchema,
      serverUrl: server.url,
    });
    expectRefusal(
      await other.run(['start']),
      'postgres_not_ready',
      /wal_level: it is replica/,
      /ALTER SYSTEM/,
    );
  } finally {
    await server.stop();
  }
});

test('the role may not make our schema', async () => {
  const DATABASE_URL = inDatabase(stage.database.url, stage.database.name, login);
  expectRefusal(
    await start({ DATABASE_URL }),
    'state_privilege',
    /permission denied/,
    /GRANT CREATE ON DATABASE|grants\.sql/,
  );
});

test('the role may not read the table', async () => {
  await role(`grant create on database ${stage.database.name} to ${login.user}`);
  await using other = await createCliStage({
    config: shopConfig,
    schema: `${shopSchema}; grant create on schema public to public`,
  });
  await asAdmin(other.database.url, (admin) =>
    admin.query(`grant create on database ${other.database.name} to ${login.user}`),
  );
  const outcome = await other.run(['apply'], {
    DATABASE_URL: inDatabase(other.database.url, other.database.name, login),
  });
  expectRefusal(outcome, 'catalog_mismatch', /no SELECT, INSERT, UPDATE, DELETE/, /GRANT SELECT/);
  await asAdmin(other.database.url, (admin) => admin.query(`drop owned by ${login.user} cascade`));
});

test('the role may not replicate', async () => {
  await using other = await createCliStage({ config: shopConfig, schema: shopSchema });
  const give = (sql: string): Promise<void> =>
    asAdmin(other.database.url, async (admin) => void (await admin.query(sql)));
  await give(
    `grant create on database ${other.database.name} to ${login.user}; grant all on items to ${login.user}`,
  );
  const DATABASE_URL = inDatabase(other.database.url, other.database.name, login);
  const run = (args: string[]) => other.run(args, { DATABASE_URL });
  expectRefusal(await run(['start']), 'postgres_not_ready', /no REPLICATION attribute/, /ALTER ROLE/);
  await give(`alter role ${login.user} replication`);
  // It replicates now, but only the owner may publish the table.
  expectRefusal(await run(['apply']), 'checks_failed', /items/, /owner|publication/i);
  await applyUnchecked(other, { DATABASE_URL });
  expectRefusal(await run(['start']), 'publication_privilege', /must be owner/, /create publication/);
  await give(
    `alter table items owner to ${login.user}; revoke create on database ${other.database.name} from ${login.user}`,
  );
  expectRefusal(
    await run(['start']),
    'publication_privilege',
    /permission denied for database/,
    /GRANT CREATE ON DATABASE/,
  );
  await give(`drop owned by ${login.user} cascade; alter role ${login.user} noreplication`);
});
