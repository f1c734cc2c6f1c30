import type { Readiness } from './health.ts';
import type { Queries } from './queries.ts';

/** One variable of the environment as the dashboard shows it: secrets only whether they are set. */
export type ShownVariable = {
  readonly name: string;
  readonly value: string | null;
  readonly isSet: boolean;
  readonly help: string;
};

/** The configuration as it was understood. Holds no secret. */
export type SettingsView = {
  readonly slot: string;
  readonly publication: string;
  readonly plugin: string;
  readonly tables: readonly ShownTable[];
  /** What is so many that it waits for a person. */
  readonly guards: Readonly<Record<string, object | null>>;
  readonly environment: readonly ShownVariable[];
};

export type ShownTable = {
  readonly name: string;
  /** As it is written in PostgreSQL: `public.suppliers`. */
  readonly source: string;
  readonly key: readonly string[];
  readonly direction: string;
  readonly fields: readonly {
    readonly property: string;
    readonly from: string;
    readonly type: string;
    readonly direction: string;
    readonly conflict: string;
  }[];
  /** What else was said of it, by the names that the configuration file uses. */
  readonly rules: Readonly<Record<string, string>>;
};

/**
 * What the pages are made from. They stand behind the check of the session, which is in the context of each request
 * (`AdminVariables`); what lies below `/assets/` is served to everybody, and so is the page of the login.
 *
 * What a page does, it posts to `/actions/NAME`: a form with `_csrf`, the parameters and `back`, the path to return to,
 * which gets `?said=` or `?failed=` and a sentence. `/api/events` tells of changes.
 */
export type DashboardParts = {
  /** Null while PostgreSQL cannot be read. */
  readonly queries: () => Queries | null;
  readonly settings: SettingsView;
  readonly readiness: () => Promise<Readiness>;
};
