import { expect, test } from 'vitest';
import { DRIFT_KINDS, driftOf } from '../../src/model/drift.ts';
import { keepDrifts } from '../../src/state/drift.ts';
import { createStore } from '../../src/state/sql.ts';
import { createCliStage } from '../support/cli-stage.ts';

// Where an entry is told does not depend on its kind: each kind is one entry here, and every one of them is in all four places.

test('every kind of drift is in `drift list`, the view `drift`, `status` and `doctor`, with what settles it', async () => {
  const table = (name: string) => ({
    source: `public.${name}`,
    key: 'id',
    title: name,
    fields: { Name: { column: 'name', type: 'title' as const } },
  });
  await using stage = await createCliStage({
    config: { tables: { goods: table('goods'), others: table('others') } },
    schema: `create table goods (id integer primary key, name text); create table others (like goods including all)`,
  });
  await stage.apply();
  const { pool } = stage.database;
  const told = DRIFT_KINDS.map((kind) =>
    driftOf(kind, {
      field: `Field of ${kind}`,
      detail: `what is noticed as ${kind}`,
      remedy: `do what settles ${kind}`,
    }),
  );
  await keepDrifts(createStore(pool, 0), 'goods', DRIFT_KINDS, told);

  const { rows } = await pool.query<{ kind: string; detail: string; remedy: string }>(
    'select * from pgnotion.drift where table_name = $1',
    ['goods'],
  );
  expect(rows.map(({ kind }) => kind).sort()).toEqual([...DRIFT_KINDS].sort());
  const [list, listJson, status, statusJson, doctor] = await Promise.all(
    [
      ['drift', 'list'],
      ['drift', 'list', '--json'],
      ['status'],
      ['status', '--json'],
      ['doctor', '--json'],
    ].map(async (args) => (await stage.run(args)).stdout),
  );
  const inStatus = (JSON.parse(statusJson ?? '') as { readonly drift: typeof rows }).drift;
  const checks = (
    JSON.parse(doctor ?? '') as { readonly checks: { id: string; seen: string; fix: string }[] }
  ).checks;
  const check = checks.find(({ id }) => id === 'drift.goods');
  for (const { kind, detail, remedy, pauses } of told) {
    expect(list).toContain(`goods, Field of ${kind} (${kind}, `);
    expect(list).toContain(`  ${detail}\n  what to do: ${remedy}`);
    expect(inStatus, kind).toContainEqual(expect.objectContaining({ kind, detail, remedy, pauses }));
    expect(check?.seen).toContain(`Field of ${kind}: ${detail}`);
    expect(check?.fix).toContain(remedy);
  }
  expect(JSON.parse(listJson ?? '')).toHaveLength(DRIFT_KINDS.length);
  expect(status).toContain(`drift: ${DRIFT_KINDS.length} entries`);
  // The table beside it has nothing to tell.
  expect(checks.some(({ id }) => id === 'drift.others')).toBe(false);
});
