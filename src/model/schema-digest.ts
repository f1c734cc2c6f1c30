import { createHash } from 'node:crypto';
import { canonicalJson } from './json.ts';

/** Tells one schema of a data source from another: its properties with their names, types, options and targets. */
export const schemaDigest = ({
  properties,
}: {
  readonly properties: Readonly<Record<string, unknown>>;
}): string =>
  createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(properties))))
    .digest('hex')
    .slice(0, 32);
