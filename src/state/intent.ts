/** Keeps that a page may come to exist, given the names of the parameters; for `intend` and `beginOperation`. */
export const intending = (table: string, key: string): string =>
  `insert into pgnotion.records (table_name, key, state, intent_at) values (${table}, ${key}, 'creating', clock_timestamp())
     on conflict (table_name, key) do update set state = 'creating', intent_at = clock_timestamp(),
       rested_at = null, agreed_at = null, page_id = null, base_row = '{}', base_page = '{}', unshown = '{}'`;
