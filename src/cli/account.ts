import { userInfo } from 'node:os';

/** Who runs a command, as the audit names them. A container may run as a number that has no account. */
export function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}
