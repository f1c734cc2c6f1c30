import type { Codec } from './codec.ts';
import {
  keepsCurrent,
  misfit,
  pageOutcome,
  reader,
  refuse,
  refuseShape,
  rowOutcome,
  singleItem,
  UNKNOWN,
} from './support.ts';

const read = reader('checkbox', (content) => (typeof content === 'boolean' ? content : UNKNOWN));

/** Checkbox, for boolean columns. Notion knows no third state: NULL shows as unticked, and stays NULL until it is ticked. */
export const checkbox: Codec = keepsCurrent({
  type: 'checkbox',
  writable: true,
  check: (column, options) =>
    column.category === 'boolean' && !column.array
      ? []
      : [
          misfit(
            options,
            column,
            'checkbox',
            'use select or rich_text for it, or an expression that gives a boolean',
          ),
        ],
  encode: (text, _column, options) => {
    if (text === null || /^(f|false)$/i.test(text)) return pageOutcome(false);
    if (/^(t|true)$/i.test(text)) return pageOutcome(true);
    return refuse(options, text, {
      message: 'is not a boolean',
      remedy: 'map a boolean column or expression',
    });
  },
  decode: (value, _column, options) =>
    typeof value === 'boolean' ? rowOutcome(value ? 't' : 'f') : refuseShape(options, value, 'checkbox'),
  read,
  readItems: singleItem('checkbox', read, false),
  write: (value) => ({ checkbox: value === true }),
  same: (sent, page) => sent === page,
  schema: () => ({ checkbox: {} }),
});
