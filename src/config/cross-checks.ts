import { matchFaults } from '../model/adoption.ts';
import { codecs } from '../model/codecs/registry.ts';
import type { Fault } from '../model/errors.ts';
import {
  type FieldMapping,
  filterMark,
  goesToNotion,
  goesToPostgres,
  markProperty,
  type TableMapping,
} from '../model/mapping.ts';
import { nearest } from '../model/nearest.ts';
import { NUMBER_FORMATS } from '../model/number-formats.ts';
import { hasOptions } from '../model/schema/options.ts';

/**
 * Faults that show only when a table is looked at as a whole, or beside the others. `names` are all tables of the
 * configuration, those included that have faults of their own.
 */
export function crossFaults(
  each: TableMapping,
  tables: readonly TableMapping[],
  names: readonly string[],
): Fault[] {
  const path = `tables.${each.name}`;
  const faults: Fault[] = [];
  const titles = each.fields.filter((one) => one.type === 'title');
  if (titles.length !== 1) {
    faults.push({
      path: `${path}.fields`,
      message: `has ${titles.length} fields of type title`,
      remedy: 'a Notion page has exactly one title: give one field that type',
    });
  }
  for (const one of each.fields) faults.push(...fieldFaults(`${path}.fields.${one.property}`, one, names));
  faults.push(...nameFaults(path, each), ...writerFaults(path, each), ...precedenceFaults(path, each));
  faults.push(...matchFaults(path, each));
  const twins = tables.filter((other) => other !== each && other.source === each.source);
  if (twins.length > 0) {
    faults.push({ path: `${path}.source`, message: `is mapped twice`, remedy: 'map each source table once' });
  }
  for (const option of ['query', 'where'] as const) {
    if (each[option] === null || each.direction !== 'to-postgres') continue;
    faults.push({
      path: `${path}.${option}`,
      message: 'is never read',
      remedy: 'remove it, or change the direction',
    });
  }
  return faults;
}

/** Whether any field says which side it goes by. */
export const namesSides = (each: TableMapping): boolean =>
  each.fields.some(({ conflict }) => conflict === 'postgres' || conflict === 'notion');

function precedenceFaults(path: string, each: TableMapping): Fault[] {
  if (each.conflict !== 'field_precedence' || namesSides(each)) return [];
  return [
    {
      path: `${path}.conflict`,
      message: 'is field_precedence, and no field says which side it goes by',
      remedy: 'set conflict to "postgres" or "notion" on the fields that it is meant for, or use "lww"',
    },
  ];
}

/** The properties that pgnotion keeps for itself need names of their own. */
function nameFaults(path: string, each: TableMapping): Fault[] {
  const names = each.fields.map((one) => one.property);
  const remedy = 'give it a name that no field has';
  const faults: Fault[] = [];
  if (names.indexOf(each.idProperty) < names.length - 1)
    faults.push({ path: `${path}.idProperty`, message: `is ${each.idProperty}, as a field is`, remedy });
  const own = [
    ['lastSyncedProperty', each.lastSyncedProperty],
    ['statusProperty', each.statusProperty],
    ['onPostgresDelete.mark', markProperty(each)],
    ['onRowFiltered.mark', filterMark(each)],
  ] as const;
  for (const [option, name] of own) {
    if (name === null) continue;
    if (names.includes(name))
      faults.push({ path: `${path}.${option}`, message: `is ${name}, as another property is`, remedy });
    names.push(name);
  }
  return faults;
}

/** A column that two properties write would hold whichever came last. */
function writerFaults(path: string, each: TableMapping): Fault[] {
  const writers = new Map<string, string>();
  return each.fields.filter(goesToPostgres).flatMap(({ property, source }) => {
    if (source.kind !== 'column') return [];
    const first = writers.get(source.column);
    if (first === undefined) writers.set(source.column, property);
    if (first === undefined) return [];
    return [
      {
        path: `${path}.fields.${property}`,
        message: `writes the column ${source.column}, as ${first} does`,
        remedy: 'set the direction of one of them to "to-notion"',
      },
    ];
  });
}

function fieldFaults(path: string, one: FieldMapping, names: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  if (one.relatedTable !== undefined && !names.includes(one.relatedTable)) {
    faults.push({
      path: `${path}.relatedTable`,
      message: `names ${one.relatedTable}, which is not a table of this configuration`,
      remedy: `use one of ${names.join(', ')}, or add that table`,
    });
  }
  if (one.transform !== undefined && one.reverseTransform === undefined && goesToPostgres(one)) {
    faults.push({
      path: `${path}.transform`,
      message: 'cannot be undone when the property is edited',
      remedy: 'add a reverseTransform, or set direction to "to-notion"',
    });
  }
  if (one.conflict !== undefined && !(goesToPostgres(one) && goesToNotion(one))) {
    faults.push({
      path: `${path}.conflict`,
      message: 'is never used: only one side may change this field',
      remedy: 'remove it, or set direction to "both"',
    });
  }
  if (one.format !== undefined && !NUMBER_FORMATS.some((known) => known === one.format)) {
    const [near] = nearest(one.format, NUMBER_FORMATS);
    faults.push({
      path: `${path}.format`,
      message: `is ${JSON.stringify(one.format)}, which is not a number format of Notion`,
      remedy: `${near === undefined ? '' : `did you mean ${JSON.stringify(near)}? `}use one of ${NUMBER_FORMATS.join(', ')}; or leave format out, and choose it in Notion`,
    });
  }
  faults.push(...lookFaults(path, one));
  if (!codecs[one.type].writable && one.direction !== 'to-postgres') {
    faults.push({
      path: `${path}.direction`,
      message: `Notion computes ${one.type} itself, so nothing can be written to it`,
      remedy: 'set direction to "to-postgres" with a column, or choose another type',
    });
  }
  return faults;
}

/** Colours and groups that nothing could be made with. */
function lookFaults(path: string, { type, looks = {} }: FieldMapping): Fault[] {
  const given = Object.values(looks);
  if (given.length > 0 && !hasOptions(type))
    return [
      {
        path: `${path}.values`,
        message: `gives options a look, and a ${type} has no options`,
        remedy: 'write only the name, or make the field a select, multi_select or status',
      },
    ];
  if (type === 'status' || !given.some(({ group }) => group !== undefined)) return [];
  return [
    {
      path: `${path}.values`,
      message: `puts options into groups, and a ${type} has none`,
      remedy: 'remove `group`, or make the field a status',
    },
  ];
}
