import type { z } from 'zod';
import { type Fault, PgnotionError } from '../model/errors.ts';
import { nearest } from '../model/nearest.ts';

/** One error for all faults of the configuration, a line for each. */
export function invalidConfig(faults: readonly Fault[]): PgnotionError {
  return new PgnotionError({
    code: 'config_invalid',
    message: `the configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faultLines(faults)}`,
    remedy: 'change the lines named above; nothing was written anywhere',
    faults,
  });
}

export const faultLines = (faults: readonly Fault[]): string =>
  faults.map((fault) => `  ${fault.path}: ${fault.message}\n    mend: ${fault.remedy}`).join('\n');

/** What zod found in `input`, as a fault. */
export function toFault(issue: z.core.$ZodIssue, input: unknown): Fault {
  const path = issue.path.map(String).join('.') || '(the whole file)';
  const given = valueAt(input, issue.path);
  if (given === undefined && path !== '(the whole file)' && ABSENT.includes(issue.code))
    return { path, message: 'is missing', remedy: missingRemedy(issue) };
  switch (issue.code) {
    case 'unrecognized_keys':
      return {
        path,
        message: `does not know ${issue.keys.join(', ')}`,
        remedy: 'remove it, or correct its spelling',
      };
    case 'invalid_value':
      return { path, message: 'has a value that is not allowed', remedy: allowed(issue.values, given) };
    case 'invalid_union':
      return unionFault(issue, path, given);
    case 'invalid_type':
      return {
        path,
        message: `must be ${kindOf(issue.expected)}`,
        remedy: `give ${kindOf(issue.expected)}${SEE}`,
      };
    case 'too_small':
    case 'too_big':
      return { path, message: boundOf(issue), remedy: `change it${SEE}` };
    default:
      return { path, message: issue.message, remedy: 'see the table of options in docs/reference.md' };
  }
}

const SEE = '; see the table of options in docs/reference.md';
/** The kinds of issue that what is not there makes. */
const ABSENT: readonly string[] = ['invalid_type', 'invalid_union', 'invalid_value'];

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}

const allowed = (values: readonly unknown[], given: unknown): string => {
  const near = typeof given === 'string' ? nearest(given, values.map(String))[0] : undefined;
  const hint = near === undefined ? '' : ` (did you mean ${JSON.stringify(near)}?)`;
  return `use one of ${values.map((value) => JSON.stringify(value)).join(', ')}${hint}`;
};

/** What a table and a field cannot do without. */
const REQUIRED: Readonly<Record<string, string>> = {
  tables: "add tables: { name: { source: 'schema.table', key: 'id', title: 'Title', fields: { ... } } }",
  source: "add source: the table as a string, 'schema.table'",
  key: "add key: the primary key's column as a string, such as 'id', or a list of its columns",
  title: 'add title: the name of the Notion database as a string',
  fields: "add fields: each Notion property with its column, { Name: { column: 'name', type: 'title' } }",
};

function missingRemedy(issue: z.core.$ZodIssue): string {
  const known = REQUIRED[String(issue.path.at(-1))];
  if (known !== undefined) return known;
  if (issue.code === 'invalid_value') return allowed(issue.values, undefined);
  return `add it${issue.code === 'invalid_type' ? `: ${kindOf(issue.expected)}` : ''}${SEE}`;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const kindOf = (expected: string): string => KINDS[expected] ?? expected;

function boundOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (issue.origin === 'string' || issue.origin === 'array') return 'is empty';
  const [bound, word] = issue.code === 'too_small' ? [issue.minimum, 'least'] : [issue.maximum, 'most'];
  if (issue.inclusive === false)
    return `must be ${issue.code === 'too_small' ? 'more' : 'less'} than ${bound}`;
  return `must be at ${word} ${bound}`;
}

function unionFault(issue: z.core.$ZodIssueInvalidUnion, path: string, given: unknown): Fault {
  const own = Object.entries(POLICY_FORMS).find(([option]) => path.endsWith(`.${option}`));
  if (
    own === undefined &&
    issue.errors.every((errors) => errors.every(({ code }) => code === 'invalid_type'))
  )
    return { path, message: 'has a value that is not allowed', remedy: missingRemedy(issue) };
  const forms = issue.errors
    .flatMap((errors) => errors.map((each) => toFault({ ...each, path: [] }, given)))
    .map(({ remedy }) => remedy);
  return {
    path,
    message: 'has a value that is not allowed',
    remedy: [...new Set(forms)]
      .slice(0, 1)
      .concat(own?.[1] ?? [])
      .join(', or '),
  };
}

const POLICY_FORMS = {
  onNotionTrash: "{ softDelete: 'column' }",
  onPostgresDelete: "{ mark: 'Property' }",
  onRowFiltered: "{ mark: 'Property' }",
};
