import { expect, test } from 'vitest';
import { notionIdIn } from '../../src/model/notion-address.ts';

const ID = '0123456789abcdef0123456789abcdef';
const DASHED = '01234567-89ab-cdef-0123-456789abcdef';
const OTHER = 'fedcba9876543210fedcba9876543210';

test.each([
  [ID, ID],
  [` ${DASHED.toUpperCase()}\n`, DASHED.toUpperCase()],
  [`https://www.notion.so/${ID}`, ID],
  [`https://www.notion.so/acme/Our-tasks-2026-${ID}?v=${OTHER}&pvs=4`, ID],
  [`https://app.notion.com/p/${DASHED}/`, DASHED],
  [`https://acme.notion.site/Tasks-${ID}#${OTHER}`, ID],
  [`notion.so/Tasks-${ID}`, ID],
  [`notion://www.notion.so/Tasks-${ID}`, ID],
  [`https://example.com/${ID}`, null],
  [`https://notion.so.example.com/${ID}`, null],
  ['https://www.notion.so/acme', null],
  ['tasks', null],
  ['', null],
])('the id in %j is %j', (pasted, id) => {
  expect(notionIdIn(pasted, 'database')).toBe(id);
  expect(notionIdIn(pasted, 'page')).toBe(id);
});

test('an address of a page that is open in a database names both', () => {
  const address = `https://www.notion.so/acme/${ID}?v=${OTHER}&p=${OTHER}&pm=s`;
  expect(notionIdIn(address, 'database')).toBe(ID);
  expect(notionIdIn(address, 'page')).toBe(OTHER);
});
