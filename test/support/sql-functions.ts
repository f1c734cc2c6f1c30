/**
 * The functions of our schema that are no part of its interface: the daemon's own fence, and parts of functions of the interface,
 * of the outbox, of the edits and of the views.
 */
export const INNER_FUNCTIONS: readonly string[] = [
  'fence',
  'enqueue',
  'wake',
  'merge_field_times',
  'note_call',
  'note_call_of_role',
  'note_decision',
  'decide_clearings',
  'decide_rows',
  'separate_pairs',
  'command_edits',
  'wake_edits',
  'decide_edits',
  'place_in_queue',
  'standing',
  'limit_text',
  'hindrances',
  'published_as',
  'count_records_made',
  'count_records_gone',
  'count_record_moved',
  'count_no_records',
  'recount_records',
];
