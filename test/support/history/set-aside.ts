/** What no daemon tries by itself any more, and why. */
export type SetAside = { readonly what: string; readonly code: string };

/** Codes of what passes by itself: Notion's server, the way there, and PostgreSQL's own state. */
const PASSING: readonly RegExp[] = [
  /^(internal_server_error|bad_gateway|service_unavailable|gateway_timeout|service_overload|rate_limited)$/,
  /^(conflict_error|database_connection_unavailable)$/,
  /^notion_(timeout|unreachable|connection_lost|aborted|edge_blocked|http_5\d\d)$/,
  /^sql_(08|40|53|57)/,
  /^(sql_55P03|row_blocked)$/,
];

/** Rule 8: what may pass by itself is tried again, and waits for nobody: set aside, it would be stuck for good. */
export const judgeSetAside = (all: readonly SetAside[]): string[] =>
  all
    .filter(({ code }) => PASSING.some((pattern) => pattern.test(code)))
    .map(({ what, code }) => `stuck: ${what} is set aside for ${code}, which passes by itself`);
