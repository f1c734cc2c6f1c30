import { type Check, checkOf, failed, ofFaults, ok, skipped, warning } from './check.ts';
import { clockCheck } from './clock.ts';
import type { CapabilityLook, NotionFacts, SourceLook, TokenLook } from './facts.ts';

export function judgeNotion(facts: NotionFacts): readonly Check[] {
  const { token, skewMs, capabilities, parent, tables } = facts;
  const lacks = tables.filter(({ look }) => look.kind === 'seen' && look.value === null);
  return [
    checkOf('notion.token', token, tokenCheck),
    addressCheck(facts.address),
    checkOf('notion.clock', skewMs, (value) => clockCheck('notion.clock', 'Notion', value)),
    ...capabilities.map(capabilityCheck),
    parentCheck(parent, lacks.length > 0),
    ...tables.map(({ table, look }) =>
      checkOf(`notion.table.${table}`, look, (value) => sourceCheck(`notion.table.${table}`, value)),
    ),
  ];
}

function tokenCheck({ kind, name, workspace }: TokenLook): Check {
  const who = `${name ?? 'without a name'}${workspace === null ? '' : `, workspace ${workspace}`}`;
  if (kind === 'bot') return ok('notion.token', `connection ${who}`);
  return warning(
    'notion.token',
    `the token is not that of a connection: ${who}`,
    "create an internal connection at https://www.notion.so/profile/integrations, and set NOTION_API_KEY to its token: as a person's, pgnotion's own edits look like that person's",
  );
}

function addressCheck(address: string): Check {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:') return ok('notion.tls', address);
  if (['localhost', '127.0.0.1', '[::1]'].includes(hostname))
    return ok('notion.tls', `${address}, which does not leave this machine`);
  return warning(
    'notion.tls',
    `${address} is not encrypted, and the token is sent there`,
    'set NOTION_BASE_URL to an address with https://, or leave it out',
  );
}

function capabilityCheck({ capability, isNeeded, look }: CapabilityLook): Check {
  const id = `notion.capability.${capability.replaceAll(' ', '_')}`;
  if (look.kind !== 'failed' || isNeeded) return checkOf(id, look, (value) => ok(id, value));
  return warning(id, look.message, look.remedy);
}

function parentCheck(parent: NotionFacts['parent'], isNeeded: boolean): Check {
  const id = 'notion.parent_page';
  const unset = 'NOTION_PARENT_PAGE_ID is not set';
  if (parent.kind === 'skipped' && parent.why === unset)
    return isNeeded
      ? failed(
          id,
          unset,
          'set NOTION_PARENT_PAGE_ID to a page that is shared with the connection: there, `pgnotion apply` makes the databases',
        )
      : skipped(id, `${unset}, and every table has its database`);
  return checkOf(id, parent, ({ id: page }) => ok(id, `${page} is shared with the connection`));
}

function sourceCheck(id: string, source: SourceLook | null): Check {
  if (source === null)
    return warning(id, 'the table has no database yet', 'run `pgnotion apply`, which makes it');
  const { dataSource, title, properties, lacking, owner, faults } = source;
  if (owner === 'another')
    return failed(
      id,
      `${JSON.stringify(title)} (${dataSource}) belongs to another installation of pgnotion`,
      'if that one is gone for good, run `pgnotion start --take-over` once; if not, take the id of this database out of the environment',
    );
  if (faults.length > 0) return ofFaults(id, faults, '');
  if (lacking.length > 0)
    return warning(
      id,
      `${JSON.stringify(title)} lacks ${lacking.join(', ')}`,
      'run `pgnotion apply`, which adds them',
    );
  return ok(
    id,
    `${JSON.stringify(title)} (${dataSource}) is shared and has its ${properties} properties${owner === 'ours' ? ', and belongs to this installation' : ''}`,
  );
}
