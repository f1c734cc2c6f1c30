import { describe, expect, test } from 'vitest';
import { desk, NOON, named, refusal, type Schema, text, type Values } from './support.ts';

const SCHEMA: Schema = {
  Notes: { rich_text: {} },
  Rating: { number: { format: 'number' } },
  Active: { checkbox: {} },
  Kind: { select: { options: [{ name: 'Local' }] } },
  Stage: { status: {} },
  Tags: { multi_select: { options: [] } },
  Due: { date: {} },
  Site: { url: {} },
  Mail: { email: {} },
  Phone: { phone_number: {} },
  Owner: { people: {} },
  Docs: { files: {} },
  No: { unique_id: { prefix: 'T' } },
  Made: { created_time: {} },
  Maker: { created_by: {} },
  Sum: { formula: { expression: '1' } },
};

describe('what a page answers', () => {
  test('a page without values has the empty value of every type', async () => {
    const { database, page } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const made = await page(dataSourceId, {});
    expect(Object.keys(made.properties).sort()).toEqual(['Name', ...Object.keys(SCHEMA)].sort());
    expect(made.properties).toMatchObject({
      Name: { id: 'title', title: [] },
      Notes: { rich_text: [] },
      Rating: { number: null },
      Active: { checkbox: false },
      Kind: { select: null },
      Stage: { status: { name: 'Not started' } },
      Tags: { multi_select: [] },
      Due: { date: null },
      Site: { url: null },
      Mail: { email: null },
      Phone: { phone_number: null },
      Owner: { people: [] },
      Docs: { files: [] },
      No: { unique_id: { prefix: 'T', number: 1 } },
      Made: { created_time: '2026-05-04T12:00:00.000Z' },
      Maker: { created_by: { name: 'Sandbox connection' } },
      Sum: { formula: { type: 'string', string: null } },
    });
    expect(made.url).toBe(`https://app.notion.com/p/${made.id.replaceAll('-', '')}`);
    expect(made).toMatchObject({ in_trash: false, is_archived: false });
    expect(made).not.toHaveProperty('archived');
    expect(made.parent).toMatchObject({ type: 'data_source_id', data_source_id: dataSourceId });
  });

  test('equal neighbours in a text are joined, styles keep apart, plain text is computed', async () => {
    const { database, page } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const bold = { text: { content: 'c' }, annotations: { bold: true } };
    const made = await page(dataSourceId, {
      Name: { title: [...text('a'), ...text(''), ...text('b'), bold] },
    });
    expect(made.properties.Name).toMatchObject({
      title: [
        {
          plain_text: 'ab',
          text: { content: 'ab', link: null },
          annotations: { bold: false, color: 'default' },
        },
        { plain_text: 'c', annotations: { bold: true } },
      ],
    });
  });

  test.each([
    ['2026-01-01', undefined, '2026-01-01'],
    ['2026-01-01T10:00:59', undefined, '2026-01-01T10:00:00.000+00:00'],
    ['2026-01-01T10:00:59.999+02:00', undefined, '2026-01-01T10:00:00.000+02:00'],
    ['2026-01-01T10:00:00Z', undefined, '2026-01-01T10:00:00.000+00:00'],
    ['2026-01-01T10:00', 'America/New_York', '2026-01-01T10:00:00.000-05:00'],
    ['2026-07-01T10:00', 'America/New_York', '2026-07-01T10:00:00.000-04:00'],
  ])('the date %s in zone %s is kept as %s', async (start, zone, kept) => {
    const { database, page } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const made = await page(dataSourceId, { Due: { date: { start, ...(zone && { time_zone: zone }) } } });
    expect(made.properties.Due).toMatchObject({ date: { start: kept, end: null, time_zone: null } });
  });

  test('a select makes the option that it misses and knows the others whatever their case', async () => {
    const { database, page, notion } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const made = await page(dataSourceId, {
      Kind: { select: { name: 'LOCAL' } },
      Tags: { multi_select: [{ name: 'new' }, { name: 'NEW' }, { name: 'other' }] },
    });
    expect(made.properties).toMatchObject({
      Kind: { select: { name: 'Local' } },
      Tags: { multi_select: [{ name: 'new' }, { name: 'other' }] },
    });
    const source = await notion.dataSources.retrieve({ data_source_id: dataSourceId });
    expect(source.properties.Tags).toMatchObject({
      multi_select: { options: [{ name: 'new' }, { name: 'other' }] },
    });
  });

  test('a null status is the default, properties are found by id, arrays replace', async () => {
    const { database, page, notion } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const made = await page(dataSourceId, {
      Stage: { status: { name: 'Done' } },
      Tags: { multi_select: [{ name: 'a' }] },
    });
    const tags = decodeURIComponent(made.properties.Tags?.id ?? '');
    const edited = await notion.pages.update({
      page_id: made.id.replaceAll('-', ''),
      properties: { Stage: { status: null }, [tags]: { multi_select: [{ name: 'b' }] } },
    });
    expect(edited).toMatchObject({
      id: made.id,
      properties: { Stage: { status: { name: 'Not started' } }, Tags: { multi_select: [{ name: 'b' }] } },
    });
  });

  test('times lose their seconds and a write by another moves the editor', async () => {
    const { database, page, notion, clock, sandbox } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const made = await page(dataSourceId, named('a'));
    clock.now = NOON + 20_000;
    sandbox.control.editPage(made.id, { Rating: { number: 4.5 } });
    const same = await notion.pages.retrieve({ page_id: made.id });
    expect(same).toMatchObject({
      last_edited_time: made.last_edited_time,
      last_edited_by: { id: sandbox.control.personId },
      created_by: { id: sandbox.control.botId },
    });
    clock.now = NOON + 60_000;
    sandbox.control.editPage(made.id, { Rating: { number: 5 } });
    const later = await notion.pages.retrieve({ page_id: made.id });
    expect(later).toMatchObject({
      last_edited_time: '2026-05-04T12:01:00.000Z',
      created_time: made.created_time,
    });
  });
});

test('a text shows its first 25 mentions, the property endpoint all of them', async () => {
  const { database, page, notion, sandbox } = await desk();
  const { dataSourceId } = await database(SCHEMA);
  const mention = { mention: { user: { id: sandbox.control.personId } } };
  const runs = Array.from({ length: 30 }, () => mention);
  const made = await page(dataSourceId, { Notes: { rich_text: [...runs, ...text('end')] } });
  expect(made.properties.Notes).toMatchObject({ rich_text: { length: 25 } });
  expect(made.properties.Notes).toHaveProperty('rich_text[0].plain_text', '@Ada Lovelace');
  const all = await notion.pages.properties.retrieve({
    page_id: made.id,
    property_id: made.properties.Notes?.id ?? '',
  });
  expect(all).toMatchObject({ results: { length: 31 }, has_more: false });
});

describe('what a write is refused for', () => {
  const long = (length: number) => 'x'.repeat(length);
  const cases: readonly (readonly [string, Values, string])[] = [
    ['an unknown property', { Nope: { number: 1 } }, 'Nope is not a property that exists.'],
    ['another type', { Stage: { select: { name: 'Done' } } }, 'Stage is expected to be status.'],
    [
      'an unknown status',
      { Stage: { status: { name: 'Gone' } } },
      'Invalid status option. Status option "Gone" does not exist.',
    ],
    [
      'a comma in an option',
      { Kind: { select: { name: 'a,b' } } },
      'Invalid select option, commas not allowed: a,b',
    ],
    [
      'a long option',
      { Kind: { select: { name: long(101) } } },
      'body failed validation: body.properties.Kind.select.name.length should be ≤ `100`, instead was `101`.',
    ],
    [
      'too many elements',
      { Tags: { multi_select: Array.from({ length: 101 }, (_, i) => ({ name: `t${i}` })) } },
      'body failed validation: body.properties.Tags.multi_select.length should be ≤ `100`, instead was `101`.',
    ],
    [
      'a long text, in UTF-16 units',
      { Name: { title: text(`${'😀'.repeat(1000)}x`) } },
      'body failed validation: body.properties.Name.title[0].text.content.length should be ≤ `2000`, instead was `2001`.',
    ],
    [
      'an empty address',
      { Site: { url: '' } },
      'body failed validation: body.properties.Site.url.length should be ≥ `1`, instead was `0`.',
    ],
    [
      'an impossible day',
      { Due: { date: { start: '2026-02-30' } } },
      'body failed validation: body.properties.Due.date.start should be a valid ISO 8601 date string, instead was `"2026-02-30"`.',
    ],
    [
      'a text for a number',
      { Rating: { number: '3' as unknown as number } },
      'body failed validation: body.properties.Rating.number should be a number, instead was `"3"`.',
    ],
    [
      'an unknown user',
      { Owner: { people: [{ id: '00000000-0000-4000-8000-000000000001' }] } },
      'Could not find user with ID: 00000000-0000-4000-8000-000000000001.',
    ],
  ];

  test.each(cases)('%s', async (_, properties, message) => {
    const { database, notion, sandbox } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const before = sandbox.control.snapshot();
    const parent = { type: 'data_source_id', data_source_id: dataSourceId } as const;
    const refused = await refusal(
      notion.pages.create({
        parent,
        properties: { Tags: { multi_select: [{ name: 'made on the way' }] }, ...properties },
      }),
    );
    expect(refused.message).toBe(message);
    expect(sandbox.control.snapshot()).toEqual(before);
  });

  test('computed properties cannot be written', async () => {
    const { database, notion } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const properties = { Made: { created_time: '2026-01-01T00:00:00Z' } } as unknown as Values;
    const refused = await refusal(
      notion.pages.create({ parent: { type: 'data_source_id', data_source_id: dataSourceId }, properties }),
    );
    expect(refused).toMatchObject({ status: 400, code: 'validation_error' });
  });

  test('a member that the endpoint does not know, or that would be forgotten', async () => {
    const { database, notion } = await desk();
    const { dataSourceId } = await database();
    const create = (more: Record<string, unknown>) => {
      const body = { parent: { data_source_id: dataSourceId }, properties: {}, ...more };
      return refusal(notion.request({ method: 'post', path: 'pages', body }));
    };
    expect(await create({ wrong: 1 })).toMatchObject({
      message: 'body failed validation: body.wrong should be not present, instead was `1`.',
    });
    expect(await create({ children: [{}] })).toMatchObject({
      message: 'The sandbox does not keep body.children.',
    });
  });

  test('a body above 500 KB', async () => {
    const { database, notion } = await desk();
    const { dataSourceId } = await database(SCHEMA);
    const runs = Array.from({ length: 100 }, () => ({ text: { content: 'x'.repeat(2000) } }));
    const parent = { type: 'data_source_id', data_source_id: dataSourceId } as const;
    expect(await notion.pages.create({ parent, properties: { Name: { title: runs } } })).toHaveProperty('id');
    const big = { Name: { title: runs }, Notes: { rich_text: runs }, Docs: { files: [] } };
    const wide = runs.map(() => ({ text: { content: '語'.repeat(2000) } }));
    const refused = await refusal(
      notion.pages.create({ parent, properties: { ...big, Notes: { rich_text: wide } } }),
    );
    expect(refused).toMatchObject({ status: 400, code: 'validation_error' });
  });
});
