import { isSameSecret } from '../runtime/same-secret.ts';
import type { Session } from './session.ts';

export const CSRF_HEADER = 'x-csrf-token';
export const CSRF_FIELD = '_csrf';

/**
 * Whether whoever changes something saw a page of ours: a browser sends the cookie by itself, and the token only if a page
 * or script of ours names it. A program that sent the token of the port itself has no need of it.
 */
export function isMeant(session: Session, given: string | undefined): boolean {
  if (session.by === 'bearer') return true;
  return given !== undefined && given !== '' && isSameSecret(given, session.csrf);
}
