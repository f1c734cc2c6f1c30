/** The colours that Notion's API has for options. */
export const OPTION_COLORS = [
  'default',
  'gray',
  'brown',
  'orange',
  'yellow',
  'green',
  'blue',
  'purple',
  'pink',
  'red',
] as const;

/** The groups of a status, whose names nobody can change by the API. */
export const STATUS_GROUPS = ['To-do', 'In progress', 'Complete'] as const;

/** How an option is to look when it is made. Of one that exists, Notion's API changes no colour. */
export type OptionLook = {
  readonly color?: (typeof OPTION_COLORS)[number];
  /** For a status. */
  readonly group?: (typeof STATUS_GROUPS)[number];
};

/** Looks by the option's name in Notion, whatever its case. */
export type OptionLooks = Readonly<Record<string, OptionLook>>;
