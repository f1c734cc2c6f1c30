import { hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { type Compile, createCompiler } from './compiled-schemas.ts';
import { AMENDMENTS, type Amendment, type JsonSchema, type NotionDocument } from './notion-amendments.ts';

// Checks what goes over the wire between pgnotion and the sandbox against the OpenAPI document that Notion publishes.

/** Beside the checkout, since it is Notion's and no part of the project. */
const FILE = fileURLToPath(new URL('../../../shared/facts/notion-openapi-2026-03-15.json', import.meta.url));

export const hasNotionDocument = (): boolean => existsSync(FILE);
export const readNotionDocument = (): NotionDocument =>
  JSON.parse(readFileSync(FILE, 'utf8')) as NotionDocument;

/** One request and its answer, as the sandbox tells of them. */
export type Exchange = {
  readonly method: string;
  /** Query included. */
  readonly path: string;
  /** The API version that the request asked for. */
  readonly version: string;
  readonly requestBody: string;
  readonly status: number;
  readonly responseBody: string;
};

/** Gives what in an exchange is not as the document says. */
export type Checker = (exchange: Exchange) => readonly string[];

type Operation = NotionDocument['paths'][string][string];
type Endpoint = { readonly template: string; readonly pattern: RegExp; readonly method: string };

/** How many exchanges a checker remembers as good: polls ask the same again and again, and are told the same. */
const REMEMBERED = 1_000;

const REQUEST_ID = /,"request_id":"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"\}$/;

const fingerprint = ({ method, path, version, requestBody, status, responseBody }: Exchange): string =>
  hash(
    'sha1',
    JSON.stringify([method, path, version, requestBody, status, responseBody.replace(REQUEST_ID, '}')]),
  );

/** The same checker, which looks once at each exchange that it finds nothing in. */
export function rememberGood(check: Checker): Checker {
  const good = new Set<string>();
  return (exchange) => {
    const known = fingerprint(exchange);
    if (good.has(known)) return [];
    const deviations = check(exchange);
    if (good.size >= REMEMBERED) good.clear();
    if (deviations.length === 0) good.add(known);
    return deviations;
  };
}

/** A checker that compiles each endpoint's schemas when they are first asked for. */
export function createChecker(
  document: NotionDocument,
  amendments: readonly Amendment[] = AMENDMENTS,
): Checker {
  const amended = amendments.reduce((held, each) => each.document?.(held) ?? held, document);
  const read = (text: string, version: string): JsonSchema =>
    amendments.reduce(
      (held, each) => each.body?.(held, version) ?? held,
      (text === '' ? {} : JSON.parse(text)) as JsonSchema,
    );
  const compile: Compile = createCompiler(amended, { keep: amendments === AMENDMENTS });
  const compiled = new Map<string, ValidateFunction>();
  const check = (name: string, schema: JsonSchema, value: unknown): readonly string[] => {
    const validate = compiled.get(name) ?? compile(name, schema);
    compiled.set(name, validate);
    return validate(value) ? [] : [`${name}: ${told(validate.errors ?? [], value)}`];
  };
  const endpoints = endpointsOf(amended);
  return (exchange) => {
    const url = new URL(exchange.path, 'http://notion');
    const endpoint = endpoints.find(
      (one) => one.method === exchange.method && one.pattern.test(url.pathname),
    );
    const operation = endpoint && amended.paths[endpoint.template]?.[endpoint.method.toLowerCase()];
    if (endpoint === undefined || operation === undefined) {
      return exchange.status === 200 ? [`${exchange.method} ${url.pathname}: no such endpoint`] : [];
    }
    const name = `${exchange.method} ${endpoint.template}`;
    return [
      ...(exchange.status === 200 ? checkRequest(name, operation, url, exchange, read, check) : []),
      ...checkAnswer(name, operation, exchange, read, check),
    ];
  };
}

type Read = (text: string, version: string) => JsonSchema;
type Check = (name: string, schema: JsonSchema, value: unknown) => readonly string[];

function checkRequest(
  name: string,
  operation: Operation,
  url: URL,
  { requestBody, version }: Exchange,
  read: Read,
  check: Check,
): readonly string[] {
  const known = (operation.parameters ?? []).flatMap(({ in: place, name }) =>
    place === 'query' ? [name] : [],
  );
  const strange = [...url.searchParams.keys()].filter((key) => !known.includes(key.replace(/\[\]$/, '')));
  const schema = operation.requestBody?.content['application/json']?.schema;
  return [
    ...strange.map((key) => `${name} request: no such query parameter: ${key}`),
    ...(schema === undefined
      ? requestBody === ''
        ? []
        : [`${name} request: takes no body`]
      : check(`${name} request`, schema, read(requestBody, version))),
  ];
}

function checkAnswer(
  name: string,
  operation: Operation,
  { status, responseBody, version }: Exchange,
  read: Read,
  check: Check,
): readonly string[] {
  const schema = operation.responses[String(status)]?.content?.['application/json']?.schema;
  if (schema === undefined) return [`${name} ${status}: no such answer`];
  return check(`${name} ${status}`, schema, read(responseBody, version));
}

function endpointsOf(document: NotionDocument): readonly Endpoint[] {
  const all = Object.entries(document.paths).flatMap(([template, methods]) =>
    Object.keys(methods).map((method) => ({
      template,
      method: method.toUpperCase(),
      pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`),
    })),
  );
  // A fixed word wins over a parameter: `/users/me` over `/users/{user_id}`.
  return all.toSorted((a, b) => a.template.split('{').length - b.template.split('{').length);
}

/** The deepest fault: of alternatives that all fail, the one that went furthest is the one that was meant. */
function told(errors: readonly ErrorObject[], value: unknown): string {
  const deep = errors.toSorted((a, b) => b.instancePath.split('/').length - a.instancePath.split('/').length);
  const lines = deep
    .slice(0, 6)
    .map((error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`);
  return `${[...new Set(lines)].join('; ')} in ${JSON.stringify(value).slice(0, 300)}`;
}
