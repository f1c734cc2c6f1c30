import { PgnotionError } from '../model/errors.ts';
import { pageId } from '../model/ids.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import type { AnswerProblem, HttpError, Operation, TransportFault } from './http-error.ts';

/** What a failed call means. The rules are Notion's (request-limits, status-codes); where it is silent we doubt. */
export type ErrorClass = {
  /** What the call did to Notion: `unknown` means that the state must be read before the call is repeated. */
  readonly effect: 'none' | 'saved' | 'unknown';
  /**
   * `soon`: the same request may pass within seconds. `later`: not at once, or with fresh parameters only.
   * `never`: this request will be refused again. `stop`: so will every other, until a person acts.
   */
  readonly retry: 'soon' | 'later' | 'never' | 'stop';
  /** Notion asks everybody to wait, not this request alone (429, 529). */
  readonly pausesAll: boolean;
  /** How long Notion asked to wait, in milliseconds, never shortened; null if it did not say. */
  readonly afterMs: number | null;
  /** Notion's own code, or one of ours (`notion_…`) where it gives none or ours says more. */
  readonly code: string;
  /** The HTTP status; null if there was no answer. */
  readonly status: number | null;
  readonly message: string;
  readonly remedy: string;
  /** What a write that was saved made, when the failure says so; dashed. */
  readonly committedId: string | null;
  readonly requestId: string | null;
};

/** A call to Notion that did not give what was asked for. Decide by `verdict`, never by the message. */
export class NotionFailure extends PgnotionError {
  readonly errorClass: ErrorClass;

  /** Carries no `cause`: what the client and fetch throw may quote the request's headers (invariant 14). */
  constructor(errorClass: ErrorClass, operation: string) {
    super({
      code: errorClass.code,
      message: `${operation}: ${errorClass.message}`,
      remedy: errorClass.remedy,
      retryable: errorClass.retry === 'soon' || errorClass.retry === 'later',
      // By what lets no further request leave.
      logged: errorClass.retry === 'stop',
    });
    this.name = 'NotionFailure';
    this.errorClass = errorClass;
  }
}

type Rule = Pick<ErrorClass, 'effect' | 'retry' | 'remedy'> &
  Partial<Pick<ErrorClass, 'code' | 'pausesAll' | 'committedId'>>;

const doubted = (operation: Operation): ErrorClass['effect'] =>
  operation.effect === 'read' ? 'none' : 'unknown';

const WAITS = 'nothing to do: pgnotion waits and tries again';
const LOOKS = 'nothing to do: pgnotion looks at what Notion holds and goes on from there';

function tooMany(answer: AnswerProblem): Rule {
  if (answer.additional.rate_limit_reason === 'public_api_request_blocked') {
    const remedy = "ask Notion's support, quoting the request id: Notion blocks this connection's requests";
    return { effect: 'none', retry: 'stop', code: 'notion_blocked', remedy };
  }
  const remedy = `${WAITS}; if it is frequent, lower NOTION_RATE_LIMIT or find who else uses this connection`;
  return { effect: 'none', retry: 'soon', pausesAll: true, remedy };
}

/** Wordings as users report them. They refine the code and the remedy alone; nothing else may rest on a wording. */
const WORDINGS: readonly (readonly [pattern: RegExp, code: string, remedy: string])[] = [
  [
    /start_cursor/,
    'notion_cursor_invalid',
    'nothing to do: pgnotion starts the scan again from its beginning',
  ],
  [/archived|in (the )?trash/i, 'notion_page_in_trash', 'restore the page in Notion, or delete its row'],
  [
    /is not a property that exists/,
    'notion_property_missing',
    'run `pgnotion apply`: a property that the mapping names is missing in Notion',
  ],
  [
    /is expected to be/,
    'notion_property_mistyped',
    'run `pgnotion apply`: it names the property whose type is not the mapped one',
  ],
  [
    /status option/i,
    'notion_option_missing',
    'add the option to the status property in Notion, or map the value to an existing one',
  ],
];

/** Notion's own check of what was sent: it says the same of the same request whenever it is asked. */
const CHECKED = /\b(body|path|query|header)s? failed validation\b/;
/** Of what comes with every request. */
const OF_THE_CONNECTION: readonly (string | null)[] = ['missing_version', 'invalid_grant', 'invalid_beta'];

/** A 400 that says nothing of the request may be a fault of Notion's that passes ("Unsaved transactions: runQuery"). */
function badRequest(answer: AnswerProblem): Rule {
  const found = WORDINGS.find(([pattern]) => pattern.test(answer.message));
  if (found) return { effect: 'none', retry: 'never', code: found[1], remedy: found[2] };
  const explained = CHECKED.test(answer.message) || OF_THE_CONNECTION.includes(answer.code);
  const remedy =
    'correct the row or the mapping so that Notion takes the value, then run `pgnotion failures retry TABLE KEY`';
  return { effect: 'none', retry: explained || answer.status !== 400 ? 'never' : 'later', remedy };
}

function forbidden(answer: AnswerProblem): Rule {
  if (answer.additional.block_limit !== undefined) {
    const remedy =
      'upgrade the workspace, or reduce it to one member: a free workspace is full, and deleting does not help';
    return { effect: 'none', retry: 'never', code: 'notion_block_limit', remedy };
  }
  if (answer.code === null) {
    const remedy =
      'nothing to do if it passes: a firewall between here and the API refused it; if it stays, report the ray id to Notion';
    return { effect: 'none', retry: 'later', code: 'notion_edge_blocked', remedy };
  }
  const remedy =
    "give the connection the capability it lacks (read, update, insert content, comments) in Notion's settings";
  return { effect: 'none', retry: 'never', remedy };
}

function notFound(answer: AnswerProblem): Rule {
  const remedy =
    answer.code === null
      ? 'check NOTION_BASE_URL: what answers there is not the Notion API'
      : 'share the database with the connection (••• > Connections), or check the id: Notion hides what is not shared';
  return { effect: 'none', retry: 'never', remedy };
}

function conflict(answer: AnswerProblem): Rule {
  if (answer.code === 'row_limit_exceeded') {
    const remedy = 'move pages out of the Notion database, which is full (250,000 rows), or sync fewer rows';
    return { effect: 'none', retry: 'never', remedy };
  }
  return { effect: 'none', retry: 'later', remedy: WAITS };
}

function committed(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  try {
    return pageId(value);
  } catch {
    return null;
  }
}

/** A 503 may come after the write was saved, and then says so (request-limits, "Retry a write that returns 503"). */
function unavailable(answer: AnswerProblem, operation: Operation): Rule {
  const committedId = committed(answer.additional.committed_resource_id);
  const guidance = JSON.stringify(answer.additional.retry_guidance ?? '');
  const saved = committedId !== null || /do not repeat the write/i.test(guidance);
  if (saved && operation.effect !== 'read') {
    return { effect: 'saved', retry: 'never', committedId, remedy: LOOKS };
  }
  return { effect: doubted(operation), retry: 'soon', remedy: operation.effect === 'read' ? WAITS : LOOKS };
}

function ruleFor(answer: AnswerProblem, operation: Operation): Rule {
  const { status } = answer;
  if (status === 400) return badRequest(answer);
  if (status === 401) {
    const remedy =
      "set NOTION_API_KEY to the token that the connection's settings in Notion show, and start pgnotion again: this one was revoked or replaced, or its connection was removed";
    return { effect: 'none', retry: 'stop', remedy };
  }
  if (status === 403) return forbidden(answer);
  if (status === 404) return notFound(answer);
  if (status === 409 || (status === 406 && answer.code === 'row_limit_exceeded')) return conflict(answer);
  if (status === 429) return tooMany(answer);
  if (status === 503) return unavailable(answer, operation);
  if (status === 529) return { effect: 'none', retry: 'soon', pausesAll: true, remedy: WAITS };
  if (status === 425) return { effect: 'none', retry: 'soon', remedy: WAITS };
  if (status >= 500 || status === 408) {
    return { effect: doubted(operation), retry: 'soon', remedy: operation.effect === 'read' ? WAITS : LOOKS };
  }
  if (status >= 400) return { effect: 'none', retry: 'never', remedy: badRequest(answer).remedy };
  const remedy = 'check NOTION_BASE_URL: what answers there redirects or speaks another protocol';
  return { effect: 'none', retry: 'never', remedy };
}

const REACH = 'check the network, its proxy and NOTION_BASE_URL';
const FAULTS: Readonly<Record<TransportFault, Pick<ErrorClass, 'code' | 'retry' | 'remedy'>>> = {
  unsent: { code: 'notion_unreachable', retry: 'soon', remedy: REACH },
  certificate: {
    code: 'notion_certificate',
    retry: 'later',
    remedy: "check the machine's clock and whether a proxy replaces Notion's certificate",
  },
  lost: { code: 'notion_connection_lost', retry: 'soon', remedy: LOOKS },
  timeout: { code: 'notion_timeout', retry: 'soon', remedy: LOOKS },
  aborted: { code: 'notion_aborted', retry: 'later', remedy: LOOKS },
  dropped: { code: 'notion_aborted', retry: 'later', remedy: 'nothing to do: nothing was sent' },
};
const UNSENT: readonly TransportFault[] = ['unsent', 'certificate', 'dropped'];

// A validation message can quote a whole union of types: enough of it to find the place, not a page of it.
const shortened = (message: string): string => cutText(message, TEXT_LIMITS.reason);

const blank = { pausesAll: false, afterMs: null, status: null, committedId: null, requestId: null };

function judgeAnswer(problem: AnswerProblem & { readonly operation: Operation }): ErrorClass {
  const named = problem.code ?? 'no code';
  const message = `Notion answered ${problem.status} (${named}): ${problem.message}`;
  return {
    ...blank,
    code: problem.code ?? `notion_http_${problem.status}`,
    ...ruleFor(problem, problem.operation),
    afterMs: problem.retryAfterMs,
    status: problem.status,
    message: shortened(message),
    requestId: problem.requestId,
  };
}

/** The one place where an answer's meaning is decided. Pure: the same problem always gets the same verdict. */
export function classify(httpError: HttpError): ErrorClass {
  const effect = doubted(httpError.operation);
  switch (httpError.kind) {
    case 'answer':
      return judgeAnswer(httpError);
    case 'transport': {
      const message = shortened(`no answer from Notion: ${httpError.message}`);
      const sent = !UNSENT.includes(httpError.fault);
      return { ...blank, ...FAULTS[httpError.fault], effect: sent ? effect : 'none', message };
    }
    case 'unreadable': {
      const remedy = httpError.cut
        ? LOOKS
        : "look for a newer pgnotion, or report this message: Notion's answer has changed its shape";
      const message = shortened(`Notion's answer cannot be read: ${httpError.message}`);
      const retry = httpError.cut ? 'soon' : 'never';
      const committedId = effect === 'none' ? null : committed(httpError.committedId);
      return { ...blank, effect, retry, code: 'notion_answer_unreadable', message, remedy, committedId };
    }
    case 'local': {
      const remedy = 'report this message: it is a fault of pgnotion';
      const message = `the request could not be made: ${httpError.message}`;
      return { ...blank, effect: 'none', retry: 'never', code: 'notion_request_invalid', message, remedy };
    }
  }
}

/** Whether Notion says that there is no such thing, or that we may not see it: it does not tell the two apart. */
export const isGone = (error: unknown): boolean =>
  error instanceof NotionFailure && error.errorClass.status === 404;

/** Failures of a transport that have nothing to do with what was asked for. */
const EVERYWHERE: readonly string[] = ['notion_unreachable', 'notion_certificate', 'notion_aborted'];

/** Whether a failure is the connection's, so that every other request would meet it as well. */
export const stopsAll = (error: unknown): boolean =>
  error instanceof NotionFailure &&
  (error.errorClass.retry === 'stop' || EVERYWHERE.includes(error.errorClass.code));

/** Whether Notion refused a write because the page, or what it is in, is in the trash. */
export const isInTrash = (error: unknown): boolean =>
  error instanceof NotionFailure && error.errorClass.code === 'notion_page_in_trash';

/** For a read that may find nothing: null then, and any other failure as it is. */
export function unlessGone(error: unknown): null {
  if (isGone(error)) return null;
  throw error;
}
