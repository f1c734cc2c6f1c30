import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../../src/model/change.ts';
import { requestRuns, restyled, styledRuns } from '../../../src/model/codecs/runs.ts';
import { richText } from '../../../src/model/codecs/text.ts';
import { column, prop } from './support.ts';

const PLAIN = {
  bold: false,
  italic: false,
  strikethrough: false,
  underline: false,
  code: false,
  color: 'default',
};
const BOLD = { ...PLAIN, bold: true };
const answer = (content: string, annotations = PLAIN, url: string | null = null): Json => ({
  type: 'text',
  text: { content, link: url === null ? null : { url } },
  annotations,
  plain_text: content,
  href: url,
});
const ADA = { type: 'user', user: { object: 'user', id: 'ada' } };
const mention: Json = { type: 'mention', mention: ADA, annotations: PLAIN, plain_text: '@Ada', href: null };

const runs = (...items: readonly Json[]): Json => styledRuns(items) ?? expect.fail('plain');
const textOf = (items: readonly Json[]): string =>
  items
    .map((item) => {
      const run = item as { readonly text?: { readonly content: string } };
      return run.text?.content ?? '@Ada';
    })
    .join('');

/** A short picture of a request: `*bold*`, `[link]`, `{@Ada}`. */
const shown = (items: readonly Json[]): string =>
  items
    .map((item) => {
      const run = item as {
        readonly text?: { readonly content: string; readonly link?: { readonly url: string } };
        readonly annotations?: { readonly bold: boolean };
      };
      if (run.text === undefined) return '{@Ada}';
      const linked = run.text.link === undefined ? run.text.content : `[${run.text.content}]`;
      return run.annotations?.bold ? `*${linked}*` : linked;
    })
    .join('');

const STYLED = runs(
  answer('see '),
  answer('bold', BOLD),
  answer(' and '),
  answer('link', PLAIN, 'https://x.example/'),
  answer(' by '),
  mention,
);

describe('invariants 6 and 7: a changed text keeps the styles of what did not change', () => {
  test.each([
    ['the same', 'see bold and link by @Ada', 'see *bold* and [link] by {@Ada}'],
    ['a word behind', 'see bold and link by @Ada, today', 'see *bold* and [link] by {@Ada}, today'],
    ['a word in front', 'Now see bold and link by @Ada', 'Now see *bold* and [link] by {@Ada}'],
    ['a word between', 'see bold or else and link by @Ada', 'see *bold* or else and [link] by {@Ada}'],
    ['within a bold word', 'see bolder and link by @Ada', 'see *bold*er and [link] by {@Ada}'],
    ['another bold word', 'see brave and link by @Ada', 'see *brave* and [link] by {@Ada}'],
    ['a letter within', 'see bo-ld and link by @Ada', 'see *bo-ld* and [link] by {@Ada}'],
    ['a link taken away', 'see bold and  by @Ada', 'see *bold* and  by {@Ada}'],
    ['a mention that is spelled otherwise', 'see bold and link by @Adam', 'see *bold* and [link] by {@Ada}m'],
    ['a mention that is cut', 'see bold and link by @Ad', 'see *bold* and [link] by @Ad'],
    ['nothing in common', 'new', 'new'],
    ['nothing', '', ''],
  ])('%s', (_name, text, picture) => {
    expect(shown(restyled(text, STYLED))).toBe(picture);
    expect(textOf(restyled(text, STYLED))).toBe(text);
  });

  test('the request names what is mentioned, and nothing that an answer tells beside it', () => {
    expect(restyled('see bold and link by @Ada', STYLED)).toEqual([
      { type: 'text', text: { content: 'see ' } },
      { type: 'text', text: { content: 'bold' }, annotations: BOLD },
      { type: 'text', text: { content: ' and ' } },
      { type: 'text', text: { content: 'link', link: { url: 'https://x.example/' } } },
      { type: 'text', text: { content: ' by ' } },
      { type: 'mention', mention: { type: 'user', user: { id: 'ada' } } },
    ]);
  });

  test('an equation is kept as a whole; what a request cannot mention becomes its text', () => {
    const equation = {
      type: 'equation',
      equation: { expression: 'x^2' },
      annotations: PLAIN,
      plain_text: 'x^2',
    };
    const preview = {
      type: 'mention',
      mention: { type: 'link_preview', link_preview: { url: 'https://y.example/' } },
      annotations: PLAIN,
      plain_text: 'Y',
      href: 'https://y.example/',
    };
    expect(restyled('x^2 Y!', runs(equation, answer(' '), preview))).toEqual([
      { type: 'equation', equation: { expression: 'x^2' } },
      { type: 'text', text: { content: ' ' } },
      { type: 'text', text: { content: 'Y', link: { url: 'https://y.example/' } } },
      { type: 'text', text: { content: '!' } },
    ]);
  });

  test('plain text has nothing to keep', () => {
    expect(styledRuns([answer('a'), answer('b')])).toBeUndefined();
    expect(richText.extras?.(prop('rich_text', [answer('a')]), column('text'))).toBeUndefined();
    expect(richText.write('ab')).toEqual({ rich_text: [{ type: 'text', text: { content: 'ab' } }] });
  });

  test('stored runs come back whole', () => {
    const extras = richText.extras?.(prop('rich_text', [answer('a', BOLD), mention]), column('text'));
    expect(richText.restore?.(extras ?? null)).toEqual({
      rich_text: [
        { type: 'text', text: { content: 'a' }, annotations: BOLD },
        { type: 'mention', mention: { type: 'user', user: { id: 'ada' } } },
      ],
    });
  });
});

const styles = fc.array(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), fc.boolean()), {
  minLength: 1,
  maxLength: 8,
});

test('whatever the change, the request gives the new text, within the limits, and cuts no surrogate pair', () => {
  fc.assert(
    fc.property(styles, fc.string({ unit: 'grapheme' }), fc.nat(20), fc.nat(20), (parts, more, from, to) => {
      const content = parts.map(([text, bold]) => answer(text, bold ? BOLD : PLAIN));
      const styled = styledRuns(content);
      fc.pre(styled !== undefined);
      const former = parts
        .map(([text]) => text)
        .join('')
        .toWellFormed();
      const text = `${former.slice(0, from)}${more}${former.slice(former.length - to)}`.toWellFormed();
      const request = restyled(text, styled ?? null);
      expect(textOf(request)).toBe(text);
      expect(request.length).toBeLessThanOrEqual(100);
      for (const item of request) {
        const part = (item as { readonly text: { readonly content: string } }).text.content;
        expect(part.isWellFormed()).toBe(true);
        expect(part.length).toBeLessThanOrEqual(2000);
      }
      expect(textOf(requestRuns(styled ?? null))).toBe(former);
    }),
  );
});

test('of more runs than Notion takes the last ones lose their styles', () => {
  const many = Array.from({ length: 100 }, (_, at) => answer(`w${at} `, at % 2 === 0 ? BOLD : PLAIN));
  const former = many.map((_, at) => `w${at} `).join('');
  const request = restyled(`${former}${'x'.repeat(6000)}`, runs(...many));
  expect(request).toHaveLength(100);
  expect(textOf(request)).toBe(`${former}${'x'.repeat(6000)}`);
  expect(shown(request.slice(0, 4))).toBe('*w0 *w1 *w2 *w3 ');
});
