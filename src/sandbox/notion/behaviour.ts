/** What Notion does in ways that its documents leave open, or that differ between its documents. Settable per test. */
export type Behaviour = {
  /** Whether bodies may name a property by the id as answers spell it (`%7CCly`), beside its name and `|Cly`. */
  encodedIdsInBodies: boolean;
  /** Whether relations list pages that are in the trash. */
  trashedRelationTargets: boolean;
  /** Whether a write may hand an uploaded file back (`type: file`); if not it is refused with 400. */
  hostedFilesInWrites: boolean;
  /** Whether the address of an uploaded file changes with every answer, or once an hour. */
  hostedUrls: 'each answer' | 'hourly';
  /** The longest e-mail address and phone number: 100 by the API's document, 200 by its page on limits. */
  contactLength: number;
  /** How many options one schema request may list, over all of its properties. */
  optionsPerRequest: number;
  /** What a schema update does to options that its list leaves out. */
  omittedOptions: 'removed' | 'kept';
  /** What a schema update does that gives an option, by its id, another name. */
  renamedOptions: 'kept' | 'made anew' | 'refused';
  /** What comes of status options in a schema update: Notion's pages on it contradict each other. */
  statusOptions: 'written' | 'ignored' | 'refused';
  /** Whether a date's time keeps its seconds, and the offset that it was written with. */
  dateSeconds: boolean;
  dateOffsets: boolean;
  /** How many significant digits of a number are kept; 17 are all that a double has. */
  numberDigits: number;
  /** How exactly the times of pages are told. */
  pageTimes: 'minute' | 'second' | 'millisecond';
  /** The most that one upload may have, which tells free workspaces (5 MiB) from the others. */
  uploadBytes: number;
};

export const defaultBehaviour = (): Behaviour => ({
  encodedIdsInBodies: false,
  trashedRelationTargets: true,
  hostedFilesInWrites: true,
  hostedUrls: 'hourly',
  contactLength: 100,
  optionsPerRequest: 100,
  omittedOptions: 'removed',
  renamedOptions: 'kept',
  statusOptions: 'written',
  dateSeconds: false,
  dateOffsets: true,
  numberDigits: 17,
  pageTimes: 'minute',
  uploadBytes: 5_368_709_120,
});
