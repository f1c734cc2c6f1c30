import type { applyToNotion } from '../app/connections.ts';
import type { applyReportDatabases } from '../app/report-databases.ts';
import { databaseVariable } from '../config/environment.ts';

type AppliedTable = Awaited<ReturnType<typeof applyToNotion>>[number];
type AppliedReport = Awaited<ReturnType<typeof applyReportDatabases>>[number];

/** What was done for a table, as a comment, and the line for an `.env` file. */
export function tableLine({
  table,
  databaseId,
  dataSourceId,
  created,
  changed,
  looks,
}: AppliedTable): string {
  const done = [
    ...(changed.length > 0 ? [`added ${changed.join(', ')}`] : []),
    ...(looks.length > 0 ? [`set its ${looks.join(' and ')}`] : []),
  ];
  const what = created ? 'created' : done.length > 0 ? done.join('; ') : 'as it should be';
  return `# ${table}: ${what}\n${databaseVariable(table)}=${databaseId ?? dataSourceId}`;
}

/** The same of a database that is written for people to read. */
export const reportLine = ({ title, variable, id, created, problem }: AppliedReport): string =>
  problem === null
    ? `# ${title}: ${created ? 'created' : 'as it should be'}\n${variable}=${id}`
    : `# ${title}: ${problem}`;
