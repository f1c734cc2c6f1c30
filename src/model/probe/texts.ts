import { type Assumptions, ageDays, EVIDENCE_DAYS, type Standing, validityOf } from './assumptions.ts';
import type {
  Answer,
  Answers,
  Evidence,
  LagFound,
  RateFound,
  SchemaLagFound,
  WebhooksFound,
} from './evidence.ts';

const seconds = (ms: number): string => `${Number((ms / 1_000).toFixed(1))} s`;

const line = <T>(answer: Answer<T>, tell: (value: T) => string): string =>
  answer.kind === 'found' ? tell(answer.value) : `not known: ${answer.why}`;

/** A query that had to wait after a write tells no more than that the lag was over by then. */
const WIDE_MS = 15_000;

const queryLag = ({ trials, p50Ms, p99Ms, p99AtLeastMs = p99Ms, unseen }: LagFound): string =>
  `${seconds(p50Ms)} (p50), ${seconds(p99Ms)} (p99) in ${trials} trials` +
  (p99Ms - p99AtLeastMs > WIDE_MS
    ? `; at most, and at least ${seconds(p99AtLeastMs)}: queries had to wait`
    : '') +
  (unseen > 0 ? `; ${unseen} were not shown at all` : '');

const schemaLag = ({ ms, incomplete, isOver }: SchemaLagFound): string =>
  incomplete === 0
    ? 'queries list every page'
    : `queries left pages out for ${isOver ? '' : 'more than '}${seconds(ms)}`;

const rate = ({
  mostInAMinute,
  refused,
  longestRetryAfterMs,
  met = null,
  besideDaemon = false,
}: RateFound): string => {
  const beside = besideDaemon ? " beside the daemon's" : '';
  if (refused === 0) return `not met with ${mostInAMinute} requests within a minute${beside}`;
  return (
    `met ${refused} ${refused === 1 ? 'time' : 'times'}` +
    (met === null ? '' : `, first after ${met.requests} requests within ${seconds(met.withinMs)}${beside}`) +
    (longestRetryAfterMs === null ? '' : `; Retry-After up to ${seconds(longestRetryAfterMs)}`)
  );
};

const webhooks = (how: WebhooksFound): string =>
  how.ownEdits === 'delivered'
    ? `delivered, after ${seconds(how.afterMs)}`
    : `not delivered within ${seconds(how.watchedMs)}`;

const OPTION_IDS = {
  kept: 'keeps its id',
  changed: 'gets another id',
  'rename refused': 'cannot be had: the API refuses to rename an option',
  'rename ignored': 'cannot be had: the API ignores the rename of an option',
} as const;

/** Each question with its answer, for a person. */
export function answerLines(answers: Answers): readonly (readonly [string, string])[] {
  return [
    ['queries lag', line(answers.queryLag, queryLag)],
    ['after a schema change', line(answers.schemaLag, schemaLag)],
    ['dates', line(answers.dates, (each) => `seconds are ${each.seconds}, the offset is ${each.offset}`)],
    [
      'numbers',
      line(answers.numberDigits, (digits) =>
        digits >= 17 ? 'keep all digits of a double' : `keep ${digits} significant digits`,
      ),
    ],
    ['relations', line(answers.trashedTargets, (how) => `a target in the trash is ${how}`)],
    ['a renamed option', line(answers.optionIds, (how) => OPTION_IDS[how])],
    ['page times', line(answers.pageTimes, (unit) => `told to the ${unit}`)],
    ['rate limit', line(answers.rate, rate)],
    ['webhooks of own edits', line(answers.webhooks, webhooks)],
    [
      'hosted files passed back',
      line(answers.hostedFiles, (how) => (how === 'dropped' ? 'accepted, and the file is lost' : how)),
    ],
    ['status options by the API', line(answers.statusOptions, (how) => how)],
  ];
}

/** What the sync goes by, in one line. */
export const assumptionsLine = (assumed: Assumptions): string => `assumed: ${assumptionsText(assumed)}`;

const assumptionsText = ({
  queryLagMs,
  blackoutMs,
  createGraceMs,
  overlapMs,
  handsBackFiles,
}: Assumptions): string =>
  `queries lag up to ${seconds(queryLagMs)} (${seconds(blackoutMs)} after a schema change), ` +
  `a page may appear ${seconds(createGraceMs)} after its creation, polls overlap by ${seconds(overlapMs)}` +
  (handsBackFiles ? '' : ', uploaded files cannot be handed back');

const day = ({ at }: Evidence): string => at.slice(0, 10);

/** One line for `status`. */
export function evidenceLine(evidence: Evidence | null, standing: Standing): string {
  if (evidence === null)
    return 'Notion was not probed: cautious defaults hold (`pgnotion doctor --probe` measures)';
  const { queryLag: lagAnswer, schemaLag: schemaAnswer } = evidence.answers;
  const validity = validityOf(evidence, standing);
  const lag =
    lagAnswer.kind === 'found'
      ? `queries lag ${seconds(lagAnswer.value.p99Ms)} (p99)`
      : 'the lag is not known';
  const schema =
    schemaAnswer.kind === 'found' && schemaAnswer.value.incomplete > 0
      ? `, ${seconds(schemaAnswer.value.ms)} after a schema change`
      : '';
  const stale =
    validity === 'holds'
      ? ''
      : `; ${validity === 'old' ? `older than ${EVIDENCE_DAYS} days` : validity}: run \`pgnotion doctor --probe\` again`;
  return `Notion was probed on ${day(evidence)}: ${lag}${schema}${stale}`;
}

/** For `status`: the evidence, and what the daemon makes of it; nothing before the first probe. */
export const evidenceLines = (
  evidence: Evidence | null,
  standing: Standing,
  assumed: Assumptions | null,
): readonly string[] =>
  evidence === null
    ? []
    : [
        evidenceLine(evidence, standing),
        ...(assumed === null ? [] : [`The daemon assumes that ${assumptionsText(assumed)}`]),
      ];

/** What `doctor` says of the evidence; null where there is nothing to do. */
export function staleEvidence(evidence: Evidence, standing: Standing): string | null {
  const validity = validityOf(evidence, standing);
  switch (validity) {
    case 'holds':
      return null;
    case 'old':
      return `the evidence is ${Math.floor(ageDays(evidence, standing.nowMs))} days old, and lowers nothing any more`;
    case 'of another API version':
    case 'of another connection':
      return `the evidence of ${day(evidence)} is ${validity}, so the cautious defaults hold`;
    default:
      return validity satisfies never;
  }
}
