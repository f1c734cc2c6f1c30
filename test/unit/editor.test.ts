import { expect, test } from 'vitest';
import { editorOf, moverOf, type SeenValue } from '../../src/model/editor.ts';

const BOT = 'bot';
const seen = (field: string, value: string, editor: string | null): SeenValue => ({ field, value, editor });

test.each([
  ['the last editor, while nothing was seen before', 'ada', {}, [], { kind: 'known', id: 'ada' }],
  [
    'who was seen before this connection wrote',
    BOT,
    { A: 'x' },
    [seen('A', 'x', 'ada')],
    { kind: 'known', id: 'ada' },
  ],
  [
    'nobody known, if only this connection was seen',
    BOT,
    { A: 'x' },
    [],
    { kind: 'someone', candidates: [] },
  ],
  [
    'one of two, if both were at it',
    'grace',
    { A: 'x', B: 'y' },
    [seen('A', 'x', 'ada')],
    { kind: 'someone', candidates: ['ada', 'grace'] },
  ],
  [
    'the first one, if the other did something else',
    'grace',
    { A: 'x' },
    [seen('A', 'x', 'ada')],
    { kind: 'known', id: 'ada' },
  ],
  [
    'the later one, if the value is another by now',
    'grace',
    { A: 'z' },
    [seen('A', 'x', 'ada')],
    { kind: 'known', id: 'grace' },
  ],
  ['nobody, where Notion names nobody', null, { A: 'x' }, [], { kind: 'someone', candidates: [] }],
] as const)('an edit is put down to %s', (_, lastEditedBy, values, before, editor) => {
  expect(editorOf({ lastEditedBy, values }, BOT, before)).toEqual(editor);
});

test('who moved a page is never known: the last editor may have been', () => {
  expect(moverOf('ada', BOT)).toEqual({ kind: 'someone', candidates: ['ada'] });
  expect(moverOf(BOT, BOT)).toEqual({ kind: 'someone', candidates: [] });
});
