import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.ts';
import { hasNotionDocument } from './notion-document.ts';
import { findPostgresBinaries, hasWal2json, startTestServer } from './servers.ts';
import { createStateTemplate } from './state-template.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The superuser's URL of the server that all test files share. */
    postgresUrl: string;
    /** Where the server came from. */
    postgresKind: 'given' | 'docker' | 'embedded';
    hasChromium: boolean;
    chromiumPath: string | null;
    /** Whether a second server with the wal2json plug-in can be started (`startDebianPostgres15`). */
    hasWal2json: boolean;
    hasPostgres15: boolean;
    /** Whether the protocol's model can be checked: Spin, and the C compiler that it needs. */
    hasSpin: boolean;
    /** Whether commands can be run on a pseudo-terminal (`onTerminal`). */
    hasTerminals: boolean;
    /** A database of the shared server that has our schema and nothing else, to be copied. */
    stateTemplate: string;
  }
}

const onPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** Whether there is a `script` that runs one command and ends as it does: that of util-linux, since 2.35. */
const hasScript = (): boolean =>
  spawnSync('script', ['-qefc', 'stty rows 24 cols 80 && exit 7', '/dev/null'], {
    input: '',
    timeout: 60_000,
  }).status === 7;

const leftOut = (what: string): void => void process.stderr.write(`left out: ${what}\n`);

/** Starts the one server of the run, and says once what this machine cannot test. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer();
  const template = await createStateTemplate(server.url);
  const chromium = findChromium();
  const postgres15 = findPostgresBinaries(15);
  const wal2json = hasWal2json(15);
  if (chromium === null) leftOut('browser tests (no Chromium; set CHROMIUM_PATH or install one)');
  if (postgres15 === null) leftOut('tests on PostgreSQL 15 (apt-get install postgresql-15)');
  if (!wal2json) leftOut('wal2json tests (apt-get install postgresql-15-wal2json)');
  const spin = onPath('spin') && onPath('cc');
  if (!spin) leftOut("the check of the protocol's model (apt-get install spin gcc)");
  const terminals = hasScript();
  if (!terminals) leftOut('commands on a terminal (no `script` of util-linux 2.35 or later)');
  if (!hasNotionDocument())
    leftOut(
      "the check of the sandbox against Notion's document (notion-openapi-2026-03-15.json in ../shared/facts)",
    );
  project.provide('postgresUrl', server.url);
  project.provide('postgresKind', server.kind);
  project.provide('stateTemplate', template.name);
  project.provide('hasChromium', chromium !== null);
  project.provide('chromiumPath', chromium);
  project.provide('hasWal2json', wal2json);
  project.provide('hasPostgres15', postgres15 !== null);
  project.provide('hasSpin', spin);
  project.provide('hasTerminals', terminals);
  return async () => {
    await template.drop();
    await server.stop();
  };
}
