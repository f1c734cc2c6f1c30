import type { z } from 'zod';
import { type Fault, PgnotionError } from '../model/errors.ts';

/** One error for all faults of the configuration, a line for each. */
export function invalidConfig(faults: readonly Fault[]): PgnotionError {
  const lines = faults.map((fault) => `  ${fault.path}: ${fault.message}\n    mend: ${fault.remedy}`);
  return new PgnotionError({
    code: 'config_invalid',
    message: `the configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${lines.join('\n')}`,
    remedy: 'change the lines named above; nothing was written anywhere',
  });
}

/** What zod found, as a fault. */
export function toFault(issue: z.core.$ZodIssue): Fault {
  const path = issue.path.map(String).join('.') || '(the whole file)';
  if (issue.code === 'unrecognized_keys') {
    return {
      path,
      message: `does not know ${issue.keys.join(', ')}`,
      remedy: 'remove it, or correct its spelling',
    };
  }
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map((value) => JSON.stringify(value)).join(', ');
    return { path, message: 'has a value that is not allowed', remedy: `use one of ${allowed}` };
  }
  if (issue.code === 'invalid_union') {
    const forms = issue.errors.flatMap((errors) => errors.map(toFault)).map(({ remedy }) => remedy);
    const own = Object.entries(POLICY_FORMS).find(([option]) => path.endsWith(`.${option}`));
    return {
      path,
      message: 'has a value that is not allowed',
      remedy: [...new Set(forms)]
        .slice(0, 1)
        .concat(own?.[1] ?? [])
        .join(', or '),
    };
  }
  return { path, message: issue.message, remedy: 'see the table of options in docs/reference.md' };
}

const POLICY_FORMS = {
  onNotionTrash: "{ softDelete: 'column' }",
  onPostgresDelete: "{ mark: 'Property' }",
  onRowFiltered: "{ mark: 'Property' }",
};
