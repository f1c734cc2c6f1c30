import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { seed } from '../../examples/lithiumbuy/seed.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import { eventually } from '../support/eventually.ts';
import { asAdmin, inDatabase, type TestDatabase } from '../support/postgres.ts';
import { sidesOf } from '../support/sides.ts';
import { createStack, lithiumbuySchema } from '../support/stack.ts';

type Variables = Readonly<Record<string, string>>;

/** Runs the script as psql would: its variables put in, `\gexec` carried out, other backslash commands left out. */
async function runScript(database: TestDatabase, variables: Variables): Promise<void> {
  const text = await readFile(new URL('../../sql/grants.sql', import.meta.url), 'utf8');
  const sql = text
    .replaceAll(/^(?:--|\\).*$/gm, '')
    .replaceAll(/:'(\w+)'/g, (_, name: string) => pg.escapeLiteral(variables[name] ?? ''))
    .replaceAll(/:"(\w+)"/g, (_, name: string) => pg.escapeIdentifier(variables[name] ?? ''))
    .replaceAll(/(?<!:):([a-z]\w*)/g, (_, name: string) => variables[name] ?? '');
  const client = await database.pool.connect();
  try {
    for (const statement of sql.split(/;\s*\n|(?<=\\gexec)\s*\n/)) {
      if (statement.trim() === '') continue;
      const { rows } = await client.query({ text: statement.replace('\\gexec', ''), rowMode: 'array' });
      if (statement.includes('\\gexec'))
        for (const [made] of rows as string[][]) await client.query(made ?? '');
    }
  } finally {
    client.release();
  }
}

/** What the README tells an operator to name, out of a configuration. */
const { tables } = parseConfig(lithiumbuy);
const sources = tables.map((table) => table.source);
const joined = tables.flatMap((table) => table.dependsOn.map((each) => each.table));
const readOnly = [...new Set(joined)].filter((name) => !sources.includes(name));

async function withRole(work: (role: { user: string; password: string }) => Promise<void>): Promise<void> {
  const user = `grants "${randomBytes(3).toString('hex')}`;
  try {
    await work({ user, password: "it's long: %/@" });
  } finally {
    await asAdmin(inject('postgresUrl'), (admin) =>
      admin.query(`drop role if exists ${pg.escapeIdentifier(user)}`),
    );
  }
}

test('the role of sql/grants.sql, and nothing more, is enough to sync both ways', async () => {
  await withRole(async (role) => {
    await using stack = await createStack({
      config: lithiumbuy,
      schema: await lithiumbuySchema(),
      login: async (database) => {
        const variables = {
          role: role.user,
          password: role.password,
          schemas: 'public, auth',
          both_ways: sources.join(', '),
          read_only: readOnly.join(', '),
        };
        await runScript(database, variables);
        // Again, as after the lists have grown.
        await runScript(database, variables);
        return inDatabase(database.url, database.name, role);
      },
    });
    const { sql, source, pageOf, edit, shown, failures } = sidesOf(stack);
    await seed((text, params) => stack.database.pool.query(text, params));
    await stack.apply();
    await stack.start();
    await stack.settled();

    const [supplier] = await sql<{ id: string }>('select id from suppliers order by id limit 1');
    const id = supplier?.id ?? '';
    await sql(`update suppliers set name = 'From a row' where id = $1`, [id]);
    const page = await pageOf('suppliers', id);
    await eventually(() => shown(page, 'Name') === 'From a row');

    edit(page, { Name: { title: [{ text: { content: 'From a page' } }] } });
    await eventually(async () => {
      const [row] = await sql<{ name: string }>('select name from suppliers where id = $1', [id]);
      return row?.name === 'From a page';
    });

    const fresh = stack.sandbox.control.createPage(await source('suppliers'), {
      Name: { title: [{ text: { content: 'New in Notion' } }] },
    });
    const made = () => sql<{ id: string }>(`select id from suppliers where name = 'New in Notion'`);
    await eventually(async () => (await made()).length === 1);
    await stack.settled();
    stack.sandbox.control.trashPage(fresh.id);
    await eventually(async () => (await made()).length === 0);
    expect(await failures()).toEqual([]);

    const rights = await sql<{ rolsuper: boolean; createdb: boolean; owns: number }>(
      `select rolsuper, has_database_privilege(rolname, current_database(), 'create') as createdb,
              (select count(*)::int from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where relowner = r.oid and n.nspname not in ('pgnotion', 'pg_toast')) as owns
         from pg_roles r where rolname = $1`,
      [role.user],
    );
    expect(rights).toEqual([{ rolsuper: false, createdb: false, owns: 0 }]);
  });
});
