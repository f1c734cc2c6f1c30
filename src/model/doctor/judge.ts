import { type Check, failed, ofFaults, ok, warning } from './check.ts';
import type { DoctorFacts } from './facts.ts';
import { judgeNotion } from './notion.ts';
import { judgePostgres } from './postgres.ts';

/** Every precondition of a sync, judged by what was seen. */
export function judge(facts: DoctorFacts): readonly Check[] {
  return [...judgeSettings(facts), ...judgePostgres(facts.postgres), ...judgeNotion(facts.notion)];
}

function judgeSettings({ node, configuration, unknownVariables }: DoctorFacts): readonly Check[] {
  return [
    node.fault === null
      ? ok('node.version', node.version)
      : failed('node.version', node.fault.message, node.fault.remedy),
    ofFaults(
      'configuration',
      configuration.faults,
      `${configuration.file}: ${configuration.tables} ${configuration.tables === 1 ? 'table' : 'tables'}`,
    ),
    unknownVariables.length === 0
      ? ok('environment.variables', 'every NOTION_ and SYNC_ variable is known')
      : warning(
          'environment.variables',
          unknownVariables.map(({ path, message }) => `${path} ${message}`).join('; '),
          unknownVariables.map(({ remedy }) => remedy).join('; '),
        ),
  ];
}
