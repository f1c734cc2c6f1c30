import type { PageValue } from '../change.ts';
import { TEXT_LIMITS } from '../texts.ts';
import type { Codec } from './codec.ts';
import { judged } from './judge.ts';
import {
  clean,
  emptyText,
  keepsCurrent,
  misfit,
  pageOutcome,
  reader,
  refuse,
  refuseShape,
  singleItem,
  UNKNOWN,
} from './support.ts';

/** The canonical text of a property whose content is a bare string. */
export function readString(content: unknown): PageValue | typeof UNKNOWN {
  if (content === null) return null;
  if (typeof content !== 'string') return UNKNOWN;
  return clean(content) || null;
}

const trimmed = (value: PageValue): string => (typeof value === 'string' ? value.trim() : '');

/** URL, e-mail and phone: one short text. NULL and `''` are both empty, which Notion takes as null only. */
function contactCodec(type: 'url' | 'email' | 'phone_number', limit: number): Codec {
  const read = reader(type, readString);
  return keepsCurrent({
    type,
    writable: true,
    check: (column, options) =>
      column.array
        ? [misfit(options, column, type, 'use rich_text or multi_select for an array column')]
        : [],
    encode: (text, _column, options) => {
      const value = clean(text ?? '');
      if (value.length <= limit) return pageOutcome(value || null);
      return refuse(options, value, {
        message: `is too long: a ${type} property takes ${limit} characters`,
        remedy: 'map the column to rich_text, or shorten the value',
      });
    },
    decode: (value, column, options) => {
      if (value === null || value === '') return emptyText(column, options);
      if (typeof value !== 'string') return refuseShape(options, value, type);
      return judged(value, column, options);
    },
    read,
    readItems: singleItem(type, read, null),
    write: (value) => ({ [type]: typeof value === 'string' && value !== '' ? value : null }),
    same: (sent, page) => trimmed(sent) === trimmed(page),
    schema: () => ({ [type]: {} }),
  });
}

export const url = contactCodec('url', TEXT_LIMITS.url);
export const email = contactCodec('email', TEXT_LIMITS.contact);
export const phoneNumber = contactCodec('phone_number', TEXT_LIMITS.contact);
