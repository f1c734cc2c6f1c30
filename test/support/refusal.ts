import { expect, inject } from 'vitest';
import type { Outcome } from './daemon-process.ts';

export const TOKEN = 'ntn_secret-token-of-the-test';
export const PASSWORD = 's3cret-of-the-test';

/** One clear message: what happened and what to do, nothing else on stderr, no secret anywhere (invariant 14). */
export function expectRefusal(outcome: Outcome, code: string, says: RegExp, remedy: RegExp): void {
  const { stderr, stdout } = outcome;
  // A container's password is a word that may be said.
  const own = inject('postgresKind') === 'embedded' ? [new URL(inject('postgresUrl')).password] : [];
  const secrets = [TOKEN, PASSWORD, ...own];
  const all = `${stderr}\n${stdout}`;
  expect(outcome).toMatchObject({ code: 1, signal: null });
  const message = /^pgnotion: ([\s\S]+?)\n\nwhat to do: ([\s\S]+?)\n\((\w+)\)\n$/.exec(withoutLog(stderr));
  expect(message, stderr).not.toBeNull();
  expect({ code: message?.[3], says: message?.[1], remedy: message?.[2] }).toMatchObject({
    code,
    says: expect.stringMatching(says),
    remedy: expect.stringMatching(remedy),
  });
  expect(all).not.toMatch(/^\s+at /m);
  for (const secret of secrets) expect(all).not.toContain(secret);
  expect(stdout).toBe('');
}

const withoutLog = (stderr: string): string => stderr.replaceAll(/^\{.*\}\n/gm, '');
