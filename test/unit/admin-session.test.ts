import { expect, test } from 'vitest';
import { clientOf, hostName, isLoopback } from '../../src/admin/addresses.ts';
import { backTo, siteSafe } from '../../src/admin/back.ts';
import { isMeant } from '../../src/admin/csrf.ts';
import { createLoginLimit, MOST_BY_ADDRESS, MOST_OVERALL } from '../../src/admin/login-limit.ts';
import { actorOf, createSessions, SESSION_MS } from '../../src/admin/session.ts';

test('a session is opened by the token alone, ends by itself, and is not found by what is stored of it', () => {
  let now = 1_000;
  const sessions = createSessions('right', { now: () => now });
  expect(sessions.open('wrong', 'Ada')).toBeNull();
  expect(sessions.open('', 'Ada')).toBeNull();
  const value = sessions.open('right', 'Ada') ?? '';
  expect(sessions.ofCookie(value)).toMatchObject({ actor: 'admin (Ada)', readOnly: false, by: 'cookie' });
  expect(sessions.ofCookie(`${value}x`)).toBeNull();
  now += SESSION_MS - 1;
  const held = sessions.ofCookie(value);
  expect(held?.isOver()).toBe(false);
  now += 1;
  expect(sessions.ofCookie(value)).toBeNull();
  expect(held?.isOver()).toBe(true);
});

test('sessions end at a logout, and the oldest where there are too many', () => {
  const sessions = createSessions('right');
  const first = sessions.open('right', '') ?? '';
  const second = sessions.open('right', '') ?? '';
  const held = [first, second].map((value) => sessions.ofCookie(value));
  expect(held.map((session) => session?.isOver())).toEqual([false, false]);
  sessions.close(second);
  expect(held.map((session) => [session?.isOver(), session?.ended.aborted])).toEqual([
    [false, false],
    [true, true],
  ]);
  expect(sessions.ofCookie(second)).toBeNull();
  expect(sessions.ofCookie(first)).not.toBeNull();
  for (let at = 0; at < 300; at += 1) sessions.open('right', '');
  expect(sessions.ofCookie(first)).toBeNull();
});

test('every session has a CSRF token of its own, and a program with the token needs none', () => {
  const sessions = createSessions('right', { readOnly: true });
  const [one, other] = ['a', 'b'].map((name) => sessions.ofCookie(sessions.open('right', name) ?? ''));
  if (!one || !other) throw new Error('no session');
  expect(isMeant(one, one.csrf)).toBe(true);
  for (const given of [undefined, '', other.csrf, `${one.csrf} `]) expect(isMeant(one, given)).toBe(false);
  const bearer = sessions.ofBearer('right');
  expect(bearer).toMatchObject({ readOnly: true, actor: 'admin (API)' });
  expect(bearer && isMeant(bearer, undefined)).toBe(true);
  expect(sessions.ofBearer('wrong')).toBeNull();
});

test('the name of a login is text for people: short, on one line, and within its brackets', () => {
  expect(actorOf('')).toBe('admin');
  expect(actorOf('  \n ')).toBe('admin');
  expect(actorOf('Ada) (root')).toBe('admin (Ada root)');
  expect(actorOf('Ada\u0000\nLovelace')).toBe('admin (Ada Lovelace)');
  expect(actorOf('x'.repeat(500)).length).toBeLessThan(80);
});

test('wrong tokens are limited by address and overall, within a minute', () => {
  let now = 0;
  const limit = createLoginLimit(() => now);
  for (let at = 0; at < MOST_BY_ADDRESS; at += 1) {
    expect(limit.wait('10.0.0.1')).toBe(0);
    limit.failed('10.0.0.1');
  }
  expect(limit.wait('10.0.0.1')).toBe(60);
  expect(limit.wait('::ffff:10.0.0.1')).toBe(60);
  expect(limit.wait('10.0.0.2')).toBe(0);
  now = 59_999;
  expect(limit.wait('10.0.0.1')).toBe(1);
  now = 60_000;
  expect(limit.wait('10.0.0.1')).toBe(0);
  for (let at = 0; at < MOST_OVERALL; at += 1) limit.failed(`10.1.0.${at}`);
  expect(limit.wait('10.0.0.9')).toBe(60);
});

test('a right token forgives the wrong ones of the same address alone', () => {
  const limit = createLoginLimit(() => 0);
  for (let at = 0; at < MOST_BY_ADDRESS; at += 1)
    for (const who of ['10.0.0.1', '10.0.0.2']) limit.failed(who);
  limit.succeeded('10.0.0.1');
  expect([limit.wait('10.0.0.1'), limit.wait('10.0.0.2')]).toEqual([0, 60]);
});

test('an IPv6 network is one client, whatever the spelling of its addresses', () => {
  expect(clientOf('2001:db8:1:2:aaaa::1')).toBe(clientOf('2001:db8:1:2:bbbb:cccc:dddd:eeee'));
  expect(clientOf('2001:db8::1')).toBe('2001:db8:0:0::/64');
  expect(clientOf('2001:db8:1:3::1')).not.toBe(clientOf('2001:db8:1:2::1'));
  expect(clientOf(undefined)).toBe('unknown');
});

test('loopback is told by the address, and what cannot be told is not', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', 'LOCALHOST', '::1', '[::1]', '::ffff:127.0.0.1'])
    expect(isLoopback(host), host).toBe(true);
  for (const host of [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.0.0.1.example.com',
    'localhost.example.com',
    'example.com',
    '',
  ])
    expect(isLoopback(host), host).toBe(false);
});

test('the name in a Host header is read without its port', () => {
  expect(hostName('localhost:7420')).toBe('localhost');
  expect(hostName('[::1]:7420')).toBe('[::1]');
  expect(hostName('Evil.Example')).toBe('evil.example');
  for (const header of [undefined, '', 'user@localhost', 'localhost/x', 'a b', 'localhost:x'])
    expect(hostName(header), header).toBeNull();
});

test('a form leads back to a path of this site, with what is told there, and nowhere else', () => {
  expect(backTo('/inbox?table=items#x', 'said', 'done & told')).toBe(
    '/inbox?table=items&said=done+%26+told#x',
  );
  expect(backTo('/?said=old&failed=older', 'failed', 'no')).toBe('/?failed=no');
  for (const given of [
    undefined,
    '',
    'inbox',
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/\t/evil.example',
    '/.//evil.example',
  ])
    expect(siteSafe(given), given).toBe('/');
});
