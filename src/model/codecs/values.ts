import type { Fault } from '../errors.ts';
import type { CodecOptions, ColumnShape, SchemaOptions } from './codec.ts';
import { clean, quote } from './support.ts';

/** Notion takes option names that differ only by case as one name. */
export const fold = (name: string): string => name.toLowerCase();

/** The labels that are known before any row is read: an enum's, a boolean's, and those that the value map names. */
export function knownLabels(column: ColumnShape, options: CodecOptions): readonly string[] {
  const own = column.category === 'boolean' ? ['t', 'f'] : column.labels;
  return [...new Set([...own, ...Object.keys(options.values ?? {})])];
}

/** What the value map makes of a label; one that it does not name passes unchanged. */
export function mapped(label: string, options: CodecOptions): string {
  const { values } = options;
  return clean(values !== undefined && Object.hasOwn(values, label) ? (values[label] ?? label) : label);
}

/**
 * The label that a text property shows; undefined if no known label is shown so. An enum's labels are found whatever
 * their case, since nothing else could be meant; elsewhere text is taken as typed.
 */
export function unmapped(shown: string, column: ColumnShape, options: CodecOptions): string | undefined {
  return labelShownAs(shown, column, {
    options,
    show: (label) => mapped(label, options),
    ignoreCase: column.category === 'enum',
  });
}

/**
 * The option's name for a label. Notion refuses commas in option names, so each becomes U+201A (`‚`), which looks
 * the same, and turns back into a comma on the way in.
 */
export const optionName = (label: string, options: CodecOptions): string =>
  mapped(label, options).replaceAll(',', '\u201a');

/**
 * The label that an option stands for: a known one that is shown by this very name, else the only known one whose
 * name differs just by case (Notion reuses an existing option then), else the name itself with its commas back.
 */
export function labelOf(name: string, column: ColumnShape, options: CodecOptions): string {
  const known = labelShownAs(name, column, {
    options,
    show: (label) => optionName(label, options),
    ignoreCase: true,
  });
  return known ?? name.replaceAll('\u201a', ',');
}

function labelShownAs(
  name: string,
  column: ColumnShape,
  {
    options,
    show,
    ignoreCase,
  }: {
    readonly options: CodecOptions;
    readonly show: (label: string) => string;
    readonly ignoreCase: boolean;
  },
): string | undefined {
  const labels = knownLabels(column, options);
  // A key of the value map that the enum lacks must not win over one that it has.
  const allowed =
    column.category === 'enum' ? labels.filter((label) => column.labels.includes(label)) : labels;
  const exact = allowed.filter((label) => show(label) === name);
  if (exact.length > 0 || !ignoreCase) return exact[0];
  const loose = allowed.filter((label) => fold(show(label)) === fold(name));
  return loose.length === 1 ? loose[0] : undefined;
}

/** What speaks against the value map: names that cannot be told apart on the way back, and labels that do not exist. */
export function valueFaults(
  column: ColumnShape,
  options: CodecOptions,
  show: (label: string) => string,
): readonly Fault[] {
  const fault = (message: string, remedy: string): Fault => ({
    path: options.property,
    message: `property "${options.property}": ${message}`,
    remedy,
  });
  const groups = Map.groupBy(knownLabels(column, options), show);
  const clashes = [...groups.values()].flatMap((labels) =>
    labels.length < 2
      ? []
      : fault(
          `the labels ${labels.map(quote).join(' and ')} cannot be told apart in Notion`,
          'give each label a name of its own in `values`; options take no commas and ignore case',
        ),
  );
  const own =
    column.category === 'boolean' ? ['t', 'f'] : column.category === 'enum' ? column.labels : undefined;
  const strangers = Object.keys(options.values ?? {}).filter(
    (label) => own !== undefined && !own.includes(label),
  );
  const unknown = strangers.map((label) =>
    fault(
      `\`values\` names ${quote(label)}, which the ${column.type} column cannot hold`,
      `use the labels ${own?.map(quote).join(', ')} as keys of \`values\``,
    ),
  );
  return [...clashes, ...unknown];
}

/** The options to create a property with: the known labels' names, then the configured choices, each name once. */
export function optionNames(column: ColumnShape, options: CodecOptions & SchemaOptions): readonly string[] {
  const names = [
    ...knownLabels(column, options).map((label) => optionName(label, options)),
    ...(options.choices ?? []).map((choice) => clean(choice).replaceAll(',', '\u201a')),
  ].filter((name) => name !== '');
  const seen = new Set<string>();
  return names.filter((name) => !seen.has(fold(name)) && seen.add(fold(name)));
}
