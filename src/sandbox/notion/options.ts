import { randomUUID } from 'node:crypto';
import type { Behaviour } from './behaviour.ts';
import { arrayAt, objectAt, stringAt } from './check.ts';
import { invalid } from './errors.ts';
import type { JsonObject, Option, StatusGroup } from './types.ts';

const COLORS = ['default', 'gray', 'brown', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'red'];
/** The order in which new options take their colours. */
const PALETTE = ['blue', 'green', 'orange', 'purple', 'pink', 'yellow', 'brown', 'red', 'gray', 'default'];
const GROUPS = [
  { name: 'To-do', color: 'gray' },
  { name: 'In progress', color: 'blue' },
  { name: 'Complete', color: 'green' },
];
const DEFAULT_STATUSES = [
  { name: 'Not started', group: 'To-do', color: 'default' },
  { name: 'In progress', group: 'In progress', color: 'blue' },
  { name: 'Done', group: 'Complete', color: 'green' },
];

export const isColor = (name: string): boolean => COLORS.includes(name);

/** Notion takes option names as one whatever their case. */
export const findOption = (options: readonly Option[], name: string): Option | undefined =>
  options.find((option) => option.name.toLowerCase() === name.toLowerCase());

/** Checks an option's name and gives it back. */
export function optionName(raw: unknown, path: string): string {
  const name = stringAt(raw, path, 100);
  if (name.trim() === '')
    throw invalid(`body failed validation: ${path}.length should be ≥ \`1\`, instead was \`0\`.`);
  if (name.includes(',')) throw invalid(`Invalid select option, commas not allowed: ${name}`);
  return name;
}

/** A new option; its colour follows from its place when none is wanted. */
export const newOption = (name: string, place: number, color?: string): Option => ({
  id: randomUUID(),
  name,
  color: color ?? PALETTE[place % PALETTE.length] ?? 'default',
  description: null,
});

/**
 * The options after a schema update: what the list leaves out is gone, what it names (by id, or by name in any
 * case) stays itself, the rest is new.
 */
export function mergeOptions(
  existing: readonly Option[],
  raw: unknown,
  path: string,
  renamed: Behaviour['renamedOptions'] = 'kept',
): readonly Option[] {
  const merged: Option[] = [];
  arrayAt(raw, path).forEach((item, index) => {
    const at = `${path}[${index}]`;
    const option = afterRename(existing, mergeOption(existing, objectAt(item, at), at, index), renamed);
    if (merged.some((other) => other.id === option.id || findOption([other], option.name) !== undefined)) {
      throw invalid(`Select option names must be unique: ${option.name}`);
    }
    merged.push(option);
  });
  return merged;
}

function afterRename(
  existing: readonly Option[],
  option: Option,
  renamed: Behaviour['renamedOptions'],
): Option {
  const old = existing.find(({ id }) => id === option.id);
  if (old === undefined || old.name === option.name || renamed === 'kept') return option;
  if (renamed === 'refused') throw invalid(`Cannot update name of select with id: ${old.id}.`);
  return { ...option, id: randomUUID() };
}

function mergeOption(existing: readonly Option[], item: JsonObject, at: string, index: number): Option {
  const name = item.name === undefined ? undefined : optionName(item.name, `${at}.name`);
  const color = item.color === undefined ? undefined : colorAt(item.color, `${at}.color`);
  const old =
    typeof item.id === 'string'
      ? existing.find((option) => option.id === item.id)
      : findOption(existing, name ?? '');
  if (old === undefined) {
    if (name === undefined)
      throw invalid(`body failed validation: ${at}.name should be defined, instead was \`undefined\`.`);
    return newOption(name, index, color);
  }
  if (color !== undefined && color !== old.color) {
    throw invalid(`Cannot update color of select with name: ${old.name}.`);
  }
  // Only an id says that the same option is to be called otherwise.
  return typeof item.id === 'string' && name !== undefined ? { ...old, name } : old;
}

function colorAt(raw: unknown, path: string): string {
  const color = stringAt(raw, path);
  if (!isColor(color)) {
    throw invalid(
      `body failed validation: ${path} should be one of ${COLORS.join(', ')}, instead was \`"${color}"\`.`,
    );
  }
  return color;
}

/** A status property's options and the groups that they stand in. */
export function statusOptions(
  existing: { readonly options: readonly Option[]; readonly groups: readonly StatusGroup[] } | null,
  raw: unknown,
  path: string,
): { readonly options: readonly Option[]; readonly groups: readonly StatusGroup[] } {
  const items = raw ?? (existing === null ? DEFAULT_STATUSES : undefined);
  if (items === undefined && existing !== null) return existing;
  const options = mergeOptions(existing?.options ?? [], items, path);
  const wanted = arrayAt(items, path).map((item) => groupName(item));
  const groups = GROUPS.map((group, place): StatusGroup => {
    const before = existing?.groups[place];
    const belongs = (option: Option, index: number): boolean => {
      const named = wanted[index];
      if (named !== undefined) return named === group.name.toLowerCase();
      const kept = existing?.groups.findIndex((one) => one.optionIds.includes(option.id)) ?? -1;
      return (kept === -1 ? 0 : kept) === place;
    };
    return {
      id: before?.id ?? randomUUID(),
      ...group,
      optionIds: options.filter(belongs).map((one) => one.id),
    };
  });
  return { options, groups };
}

function groupName(item: unknown): string | undefined {
  const group = objectAt(item, 'option').group;
  if (typeof group !== 'string') return undefined;
  const found = GROUPS.find((one) => one.name.toLowerCase() === group.toLowerCase());
  if (found === undefined) throw invalid(`Invalid status group: ${group}`);
  return found.name.toLowerCase();
}
