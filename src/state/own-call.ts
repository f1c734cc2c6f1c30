const MARKED = `select set_config('pgnotion.own_call', 'on', true)`;

/**
 * Calls a function of the SQL interface from our own code. It then leaves no line in `pgnotion.actions`, as it does for whoever
 * calls it in SQL: the command line and the dashboard note beside it who asked, and the daemon's own acts are nobody's.
 */
export const ownCall = (call: string): string =>
  `with marked as materialized (${MARKED}) select ${call} as answer from marked`;
