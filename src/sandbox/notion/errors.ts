import type { JsonObject } from './types.ts';

/** An answer other than 200, as Notion words it. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly additionalData: JsonObject | undefined;

  constructor(status: number, code: string, message: string, additionalData?: JsonObject) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.additionalData = additionalData;
  }
}

/** 400: what was asked cannot be done. */
export const invalid = (message: string): ApiError => new ApiError(400, 'validation_error', message);

/** 400 in the wording that Notion's request validation uses, which names the path of the fault. */
export const failed = (path: string, expected: string, found: unknown): ApiError =>
  invalid(
    `${path.split('.')[0] ?? 'body'} failed validation: ${path} should be ${expected}, instead was ` +
      `\`${found === undefined ? 'undefined' : JSON.stringify(found)}\`.`,
  );

/** 404: missing and unshared look the same from outside. */
export const notFound = (
  kind: 'page' | 'database' | 'data source' | 'block' | 'user' | 'file upload',
  id: string,
): ApiError =>
  new ApiError(
    404,
    'object_not_found',
    kind === 'user'
      ? `Could not find user with ID: ${id}.`
      : `Could not find ${kind} with ID: ${id}. Make sure the relevant pages and databases are shared with your integration.`,
  );

export const archivedEdit = (): ApiError =>
  invalid("Can't edit block that is archived. You must unarchive the block before editing.");

const CODES: Readonly<Record<number, string>> = {
  400: 'validation_error',
  401: 'unauthorized',
  403: 'restricted_resource',
  404: 'object_not_found',
  409: 'conflict_error',
  429: 'rate_limited',
  500: 'internal_server_error',
  502: 'bad_gateway',
  503: 'service_unavailable',
  504: 'gateway_timeout',
  529: 'service_overload',
};

/** The error code that usually comes with a status. */
export const codeOf = (status: number): string => CODES[status] ?? 'internal_server_error';
