import type { MiddlewareHandler } from 'hono';
import { hostName, isLoopback } from './addresses.ts';
import { foreignHost, refuse } from './refusal.ts';

/**
 * A page of another site can have its own name point to this machine, and then read what it gets from here (DNS rebinding).
 * The browser names that site as the host; who listens beyond the machine has no such list of names, and goes by the token.
 */
export const hostCheck =
  (listening: string): MiddlewareHandler =>
  async (c, next) => {
    const name = hostName(c.req.header('host'));
    const isOwn = name !== null && (isLoopback(name) || name === listening.toLowerCase());
    if (!isLoopback(listening) || isOwn) return next();
    return refuse(c, 403, foreignHost(listening));
  };
