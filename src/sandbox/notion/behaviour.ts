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
};

export const defaultBehaviour = (): Behaviour => ({
  encodedIdsInBodies: false,
  trashedRelationTargets: true,
  hostedFilesInWrites: true,
  hostedUrls: 'hourly',
  contactLength: 100,
  optionsPerRequest: 100,
  omittedOptions: 'removed',
});
