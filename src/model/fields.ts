import type { PageValue, SqlText } from './change.ts';
import type { Decoded, Encoded, Lookups } from './codecs/codec.ts';
import { type Fault, messageOf } from './errors.ts';
import type { ResolvedField } from './mapping.ts';
import { asPadded, withoutPadding } from './padding.ts';

/** A row's text as the property's value: the field's own transform first, then its codec. */
export function encodeField(field: ResolvedField, text: SqlText, lookups: Lookups): Encoded {
  const transformed = apply(field, 'transform', text);
  if (transformed.kind === 'refused') return transformed;
  return judged(field, 'written', () =>
    field.codec.encode(withoutPadding(transformed.text, field), field.shape, field, lookups),
  );
}

/** A property's value as the row's text: the codec first, then the field's own reverse transform. */
export function decodeField(
  field: ResolvedField,
  value: PageValue,
  lookups: Lookups,
  current: SqlText,
): Decoded {
  const decoded = judged(field, 'read', () =>
    field.codec.decode(value, field.shape, field, { lookups, current: withoutPadding(current, field) }),
  );
  if (decoded.kind !== 'value') return decoded;
  const read = apply(field, 'reverseTransform', decoded.text);
  return read.kind === 'value' ? { kind: 'value', text: asPadded(read.text, current, field) } : read;
}

/** What a codec throws is a refusal of this value: it must not reach beyond its field. */
function judged<T>(field: ResolvedField, what: string, work: () => T): T | Refused {
  try {
    return work();
  } catch (error) {
    return {
      kind: 'refused',
      fault: {
        path: field.property,
        message: `property "${field.property}": its value could not be ${what}: ${messageOf(error)}`,
        remedy: 'change the value, and report this message: it is a fault of pgnotion',
      },
    };
  }
}

type Refused = { readonly kind: 'refused'; readonly fault: Fault };

type Transformed = { readonly kind: 'value'; readonly text: SqlText } | Refused;

/** A transform is the configuration's own code: what it throws is a refusal of this value, not a crash. */
function apply(field: ResolvedField, which: 'transform' | 'reverseTransform', text: SqlText): Transformed {
  const transform = field[which];
  if (transform === undefined) return { kind: 'value', text };
  try {
    return { kind: 'value', text: transform(text) };
  } catch (error) {
    return {
      kind: 'refused',
      fault: {
        path: field.property,
        message: `the ${which} of ${field.property} failed: ${messageOf(error)}`,
        remedy: `correct the ${which} in the configuration, or the value`,
      },
    };
  }
}
