import { describe, expect, test } from 'vitest';
import { readPostgresUrl } from '../../src/model/postgres-url.ts';

const login = (url: string): string => {
  const { username, password, hostname, port, pathname } = new URL(url);
  return [username, password].map(decodeURIComponent).concat(hostname, port, pathname).join(' ');
};

describe('a URL that is right stays as it is', () => {
  test.each([
    'postgres://user:secret@host:5432/db',
    'postgresql://host/db',
    'postgres://host',
    'postgres://user@host/db?sslmode=require&application_name=a@b',
    'postgres://host/db?application_name=a@b',
    'postgres://user:pa%23ss%2Fword@host/db',
    'postgres://user:p@[::1]:5432/db',
    'postgres://user:p@one,two:5433/db',
    'postgres://user:p@host:5432/db?options=-c%20search_path%3Da',
    'postgres://user.project:p$!*()=+,;&~@aws-0.pooler.example.com:6543/postgres',
  ])('%s', (url) => {
    expect(readPostgresUrl(url)).toEqual({ url });
  });
});

describe('a password that a URL cannot hold is percent-encoded where one reading makes sense', () => {
  test.each([
    ['postgres://user:pa#ss@host:5432/db', 'user pa#ss host 5432 /db'],
    ['postgres://user:pa/ss@host:5432/db', 'user pa/ss host 5432 /db'],
    ['postgres://user:pa?ss@host/db?sslmode=require', 'user pa?ss host  /db'],
    ['postgres://user:#/?@host/db', 'user #/? host  /db'],
    ['postgres://user:100%@host/db', 'user 100% host  /db'],
    ['postgres://user:a@b@host/db', 'user a@b host  /db'],
    ['postgres://user:a@b#c@host/db', null],
  ])('%s', (text, read) => {
    const found = readPostgresUrl(text);
    if (read === null) expect(found).toMatchObject({ encoding: true });
    else expect('url' in found ? login(found.url) : found).toBe(read);
  });
});

describe('what makes no sense, or two, is refused without a part of it', () => {
  test.each([
    ['mysql://user:hunter2@host/db', /must begin with postgres:\/\//],
    ['postgres://user:hunter2', /has no host/],
    ['postgres://user:hunter2#', /has no host/],
    ['postgres://user:12/hunter2@host/db', /two ways/],
    ['postgres://user:a@b/hunter2@host/db', /two ways/],
    ['', /must begin/],
  ])('%s', (text, says) => {
    const found = readPostgresUrl(text);
    expect(found).toMatchObject({ message: expect.stringMatching(says) });
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });
});
