import { describe, expect, test } from 'vitest';
import type { SourceFacts } from '../../src/model/suggestion/facts.ts';
import { adoptDatabases, type ExistingDatabase } from '../../src/model/suggestion/from-notion.ts';
import { suggestMapping } from '../../src/model/suggestion/suggest-mapping.ts';
import { columnFacts, reference, sourceFacts } from '../support/source-facts.ts';
import { column, enumOf } from './codecs/support.ts';

const database = (
  title: string,
  properties: Readonly<Record<string, string>>,
  id = title,
): ExistingDatabase => ({
  id,
  dataSource: `source-of-${id}`,
  title,
  properties: Object.fromEntries(
    Object.entries(properties).map(([name, type]) => {
      const [kind = '', target] = type.split(' to ');
      const relation = target === undefined ? {} : { relation: { data_source_id: `source-of-${target}` } };
      return [name, { id: name, type: kind, ...relation }];
    }),
  ),
});

function adopt(sources: readonly SourceFacts[], databases: readonly ExistingDatabase[]) {
  const { suggestion, ties, remarks } = adoptDatabases(suggestMapping(sources), sources, databases);
  const [table] = suggestion.tables;
  return {
    ties: ties.map(({ table: name, id }) => `${name} = ${id}`),
    fields: (table?.fields ?? []).map((field) => `${field.property} < ${field.column} ${field.type}`),
    leftOut: (table?.leftOut ?? [])
      .filter(({ column: name }) => name !== 'id')
      .map(({ column: name }) => name),
    remarks,
  };
}

const task = sourceFacts('tasks', [
  columnFacts('title'),
  columnFacts('state'),
  columnFacts('due_at', { shape: column('timestamptz') }),
  columnFacts('points', { shape: column('int8') }),
]);

describe('tables are matched with databases by name', () => {
  test.each(['Tasks', 'task', 'TASKS'])('%s is the table tasks', (title) => {
    expect(adopt([task], [database(title, { Name: 'title' }, 'd1')]).ties).toEqual(['tasks = d1']);
  });

  test('the very name comes first, and what could be several is none', () => {
    expect(
      adopt([task], [database('Task', { Name: 'title' }), database('Tasks', { Name: 'title' })]).ties,
    ).toEqual(['tasks = Tasks']);
    const { ties, remarks } = adopt([task], [database('Task', {}, 'd1'), database('task', {}, 'd2')]);
    expect(ties).toEqual([]);
    expect(remarks[0]).toContain('several tables or databases are called "Task"');
  });

  test('what has no counterpart is told, on either side', () => {
    expect(adopt([task], [database('Notes', { Name: 'title' })]).remarks).toEqual([
      'tasks: no database is called so: `apply` makes one',
      'the database "Notes" has no table of its name',
    ]);
  });
});

describe('columns are matched with properties by name and type', () => {
  test('the database gives names and types where they suit', () => {
    const properties = {
      Name: 'title',
      State: 'status',
      'due at': 'date',
      Points: 'number',
      Extra: 'formula',
    };
    const { fields, remarks } = adopt([task], [database('Tasks', properties)]);
    expect(fields).toEqual([
      'Name < title title',
      'State < state status',
      'due at < due_at date',
      'Points < points number',
    ]);
    expect(remarks).toEqual(['tasks: the property Extra (formula) has no column, and stays as it is']);
  });

  test('a property that cannot hold its column has that left out, and a missing one is told', () => {
    const { fields, leftOut, remarks } = adopt(
      [task],
      [database('Tasks', { Name: 'title', 'Due At': 'checkbox', Points: 'formula' })],
    );
    expect(fields).toEqual(['Name < title title', 'State < state rich_text']);
    expect(leftOut).toEqual(['due_at', 'points']);
    expect(remarks).toEqual([
      'tasks: State has no property yet: `apply` adds it',
      'tasks: due_at is left out: the property Due At is checkbox, which does not suit it',
      'tasks: points is left out: the property Points is formula, which does not suit it',
    ]);
  });

  test('the title is what the database has for one', () => {
    const book = sourceFacts('books', [
      columnFacts('name'),
      columnFacts('isbn'),
      columnFacts('kind', { shape: enumOf('a', 'b') }),
    ]);
    expect(adopt([book], [database('Books', { ISBN: 'title', Name: 'rich_text' })]).fields).toEqual([
      'Name < name rich_text',
      'ISBN < isbn title',
      'Kind < kind select',
    ]);
  });

  test('a relation suits if it points to the database of the related table', () => {
    const owner = columnFacts('owner_id', { shape: column('uuid') });
    const people = sourceFacts('people', [columnFacts('name')]);
    const foreignKeys = [reference(['owner_id'], people.source, ['id'])];
    const pet = sourceFacts('pets', [columnFacts('name'), owner], { foreignKeys });
    const to = (target: string) => [
      database('Pets', { Name: 'title', Owner: `relation to ${target}` }),
      database('People', { Name: 'title' }),
    ];
    expect(adopt([pet, people], to('People')).fields).toEqual([
      'Name < name title',
      'Owner < owner_id relation',
    ]);
    expect(adopt([pet, people], to('Others')).leftOut).toEqual(['owner_id']);
  });
});
