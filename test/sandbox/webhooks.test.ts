import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifyWebhookSignature } from '@notionhq/client';
import { expect, onTestFinished, test } from 'vitest';
import { desk, named } from './support.ts';

type Delivery = { readonly body: string; readonly signature: string };

/** An endpoint that keeps what it is sent and answers with `status.code`. */
async function endpoint() {
  const got: Delivery[] = [];
  const status = { code: 200 };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      got.push({
        body: Buffer.concat(parts).toString(),
        signature: String(request.headers['x-notion-signature']),
      });
      response.writeHead(status.code).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const events = () =>
    got.map(
      ({ body }) => JSON.parse(body) as { type: string; attempt_number: number; entity: { id: string } },
    );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, got, events, status };
}

test('deliveries are signed with the token of the handshake and gather what belongs together', async () => {
  const { sandbox, notion, database, page } = await desk();
  const { dataSourceId } = await database({ N: { number: {} }, T: { rich_text: {} } });
  const made = await page(dataSourceId, named('a'));
  const { url, got, events } = await endpoint();
  const { webhooks } = sandbox.control;
  const verificationToken = await webhooks.subscribe(url);
  expect(JSON.parse(got[0]?.body ?? '')).toEqual({ verification_token: verificationToken });
  got.length = 0;
  await notion.pages.update({ page_id: made.id, properties: { N: { number: 1 } } });
  sandbox.control.editPage(made.id, { T: { rich_text: [{ text: { content: 'x' } }] } });
  const brief = sandbox.control.createPage(dataSourceId, named('brief'));
  sandbox.control.trashPage(brief.id);
  expect(await webhooks.deliver()).toBe(1);
  const ids = [made.properties.N?.id, made.properties.T?.id];
  expect(events()).toMatchObject([
    {
      type: 'page.properties_updated',
      entity: { id: made.id, type: 'page' },
      attempt_number: 1,
      authors: [
        { id: sandbox.control.botId, type: 'bot' },
        { id: sandbox.control.personId, type: 'person' },
      ],
      data: { parent: { data_source_id: dataSourceId }, updated_properties: ids },
    },
  ]);
  for (const { body, signature } of got)
    expect(await verifyWebhookSignature({ body, signature, verificationToken })).toBe(true);
  expect(await webhooks.deliver()).toBe(0);
});

test('deliveries get lost, doubled and out of order, and refused ones come again', async () => {
  const { sandbox, database, page } = await desk();
  const { dataSourceId } = await database();
  const { url, got, events, status } = await endpoint();
  const { webhooks } = sandbox.control;
  await webhooks.subscribe(url);
  got.length = 0;
  const ids = [];
  for (const name of ['a', 'b', 'c']) ids.push((await page(dataSourceId, named(name))).id);
  await webhooks.deliver({ reverse: true, duplicate: true, drop: 1 });
  expect(events().map((event) => event.entity.id)).toEqual([ids[1], ids[1], ids[0], ids[0]]);
  got.length = 0;
  sandbox.control.trashPage(ids[0] ?? '');
  status.code = 500;
  expect(await webhooks.deliver()).toBe(0);
  expect(webhooks.pending()).toEqual([{ type: 'page.deleted', entityId: ids[0], attempts: 1 }]);
  status.code = 200;
  expect(await webhooks.deliver()).toBe(1);
  expect(events().map((event) => event.attempt_number)).toEqual([1, 2]);
});

test('schema, moves and comments are told of', async () => {
  const { sandbox, database, page, notion } = await desk();
  const from = (await database()).dataSourceId;
  const to = (await database({}, 'Others')).dataSourceId;
  const made = await page(from, named('a'));
  const { url, got, events } = await endpoint();
  await sandbox.control.webhooks.subscribe(url);
  got.length = 0;
  sandbox.control.renameProperty(from, 'Name', 'Title');
  sandbox.control.movePage(made.id, to);
  sandbox.control.editPage(made.id, named('b'));
  await notion.comments.create({ parent: { page_id: made.id }, rich_text: [{ text: { content: 'hm' } }] });
  await sandbox.control.webhooks.deliver();
  expect(events()).toMatchObject([
    {
      type: 'data_source.schema_updated',
      data: { updated_properties: [{ id: 'title', name: 'Title', action: 'updated' }] },
    },
    { type: 'page.moved', data: { parent: { data_source_id: to } } },
    { type: 'page.properties_updated', data: { updated_properties: ['title'] } },
    { type: 'page.content_updated', entity: { id: made.id } },
    { type: 'comment.created', data: { page_id: made.id } },
  ]);
});
