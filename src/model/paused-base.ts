import type { RowImage } from './change.ts';
import { goesBothWays, type ResolvedTable } from './mapping.ts';

/**
 * What the base says of a row that is made while fields stand still because of their columns: it never had what its page shows
 * there. They may be back by the time that it is linked, so it cannot be left to what is done for all records then (`beginBase`).
 */
export const pausedBase = ({ pausedFields = [] }: Pick<ResolvedTable, 'pausedFields'>): RowImage =>
  Object.fromEntries(pausedFields.filter(goesBothWays).map(({ property }) => [property, null]));
