import { userInfo } from 'node:os';
import { expect, test, vi } from 'vitest';
import { accountName } from '../../src/cli/account.ts';

vi.mock('node:os', { spy: true });

test('the account of the operating system is named, or its number where it has no name', () => {
  expect(accountName()).toBe(userInfo().username);
  vi.mocked(userInfo).mockImplementation(() => {
    throw new Error('uv_os_get_passwd returned ENOENT (no such file or directory)');
  });
  expect(accountName()).toBe(`user ${process.getuid?.()}`);
});
