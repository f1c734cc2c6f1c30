import { expect, test } from 'vitest';
import { listed, sentences } from '../../src/model/sentences.ts';

test('sentences of several authors meet with one mark between them', () => {
  expect(sentences('The order is closed.', 'Ask finance to open it.', 'PostgreSQL kept nothing')).toBe(
    'The order is closed. Ask finance to open it. PostgreSQL kept nothing',
  );
  expect(sentences('a: ', null, undefined, '', ' b; ')).toBe('a. B');
  expect(sentences('Really?', 'Yes!')).toBe('Really?. Yes!'.replace('?.', '?'));
});

test('reasons are listed once each', () => {
  expect(listed(['must not be empty.', 'must not be empty.', 'is too long'])).toBe(
    'must not be empty; is too long',
  );
});
