export type JsonSchema = { readonly [key: string]: unknown };
type Media = { readonly 'application/json'?: { readonly schema: JsonSchema } };
type Operation = {
  readonly parameters?: readonly { readonly in?: string; readonly name?: string }[];
  readonly requestBody?: { readonly content: Media };
  readonly responses: { readonly [status: string]: { readonly content?: Media } };
};
/** The part of an OpenAPI 3.1 document that matters here. */
export type NotionDocument = {
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
  readonly components: { readonly schemas: { readonly [name: string]: JsonSchema } };
};

/** A deviation from the document that is right, and why. One that nothing needs any more fails a test. */
export type Amendment = {
  readonly reason: string;
  readonly document?: (document: NotionDocument) => NotionDocument;
  /** Makes of a body, of a request or an answer of that API version, what the document knows. */
  readonly body?: (body: JsonSchema, version: string) => JsonSchema;
};

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every schema of a part of the document, from the inside out. */
export function mapSchemas<T>(part: T, change: (schema: JsonSchema) => JsonSchema): T {
  if (Array.isArray(part)) return part.map((item: unknown) => mapSchemas(item, change)) as T;
  if (!isObject(part)) return part;
  const mapped = Object.entries(part).map(([key, value]) => [key, mapSchemas(value, change)]);
  return change(Object.fromEntries(mapped)) as T;
}

function withSchema(
  document: NotionDocument,
  name: string,
  change: (schema: JsonSchema) => JsonSchema,
): NotionDocument {
  const { schemas } = document.components;
  const schema = schemas[name];
  if (schema === undefined) throw new Error(`the document has no schema ${name}`);
  return {
    ...document,
    components: { ...document.components, schemas: { ...schemas, [name]: change(schema) } },
  };
}

/** A schema whose closed objects are open, with the names of those that it refers to. */
function opened(schema: JsonSchema, refer: (name: string) => void): JsonSchema {
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.replace('#/components/schemas/', '');
    refer(name);
    return { ...schema, $ref: `#/components/schemas/${name}.open` };
  }
  const { additionalProperties, ...rest } = schema;
  const kept = additionalProperties === undefined || additionalProperties === false ? rest : schema;
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((word) => {
    const list = kept[word];
    return Array.isArray(list) ? [[word, list.map((item: JsonSchema) => opened(item, refer))]] : [];
  });
  return { ...kept, ...Object.fromEntries(parts) };
}

/** Joins the parts of every `allOf` before it is closed. */
function joinParts(document: NotionDocument): NotionDocument {
  const wanted = new Set<string>();
  const refer = (name: string): void => void wanted.add(name);
  const join = (schema: JsonSchema): JsonSchema =>
    Array.isArray(schema.allOf)
      ? {
          ...schema,
          allOf: schema.allOf.map((item: JsonSchema) => opened(item, refer)),
          unevaluatedProperties: false,
        }
      : schema;
  const paths = mapSchemas(document.paths, join);
  const schemas = mapSchemas(document.components.schemas, join);
  const copies: Record<string, JsonSchema> = {};
  for (const name of wanted) {
    const schema = document.components.schemas[name];
    // Sets grow while they are walked: what an open copy refers to is copied too.
    if (schema !== undefined) copies[`${name}.open`] = opened(schema, refer);
  }
  return { ...document, paths, components: { ...document.components, schemas: { ...schemas, ...copies } } };
}

/** Changes the schema of one endpoint's request body. */
const withBody =
  (method: string, path: string, change: (schema: JsonSchema) => JsonSchema) =>
  (document: NotionDocument): NotionDocument => {
    const operation = document.paths[path]?.[method];
    const schema = operation?.requestBody?.content['application/json']?.schema;
    if (operation === undefined || schema === undefined)
      throw new Error(`the document has no ${method} ${path}`);
    const requestBody = { content: { 'application/json': { schema: change(schema) } } };
    const methods = { ...document.paths[path], [method]: { ...operation, requestBody } };
    return { ...document, paths: { ...document.paths, [path]: methods } };
  };

const addMember =
  (member: string, schema: JsonSchema) =>
  (old: JsonSchema): JsonSchema => {
    const properties = isObject(old.properties) ? old.properties : {};
    if (properties[member] !== undefined) throw new Error(`the document knows ${member} by now`);
    return { ...old, properties: { ...properties, [member]: schema } };
  };

const anyOfItsAlternatives = ({ oneOf, ...rest }: JsonSchema): JsonSchema =>
  oneOf === undefined ? rest : { ...rest, anyOf: oneOf };

/** The schema of a member further in, found by its path. */
function changeAt(
  schema: JsonSchema,
  path: readonly string[],
  change: (old: JsonSchema) => JsonSchema,
): JsonSchema {
  const [key, ...rest] = path;
  if (key === undefined) return change(schema);
  const inner = schema[key];
  if (!isObject(inner)) throw new Error(`the document has no ${path.join('.')}`);
  return { ...schema, [key]: changeAt(inner, rest, change) };
}

const BOOLEAN = { type: 'boolean' };
const withoutLimit = ({ maxItems, ...rest }: JsonSchema): JsonSchema => {
  if (maxItems === undefined) throw new Error('the document has no such limit by now');
  return rest;
};

const CONFIG_NAMES: Readonly<Record<string, string>> = {
  select: 'selectDatabasePropertyConfigResponse',
  multi_select: 'multiSelectDatabasePropertyConfigResponse',
  status: 'statusDatabasePropertyConfigResponse',
};

/** An e-mail's or a phone number's schema with the other limit; any other as it is. */
function longerContact(schema: JsonSchema): JsonSchema {
  const contact = ['email', 'phone_number'].find((name) => isObject(schema[name]) && isObject(schema.type));
  if (contact === undefined) return schema;
  const text = { type: 'string', minLength: 1, maxLength: 200 };
  return { ...schema, [contact]: { anyOf: [text, { type: 'null' }] } };
}

/** The schema that requests have for a status property, with options; any other as it is. */
function statusWithOptions(schema: JsonSchema): JsonSchema {
  if (schema.title !== 'Status' || !isObject(schema.properties)) return schema;
  const { status } = schema.properties;
  if (!isObject(status) || status.$ref !== '#/components/schemas/emptyObject') return schema;
  const option = {
    type: 'object',
    properties: Object.fromEntries(
      ['id', 'name', 'color', 'description', 'group'].map((name) => [name, { type: ['string', 'null'] }]),
    ),
    additionalProperties: false,
  };
  const options = { type: 'array', items: option, maxItems: 100 };
  const written = { type: 'object', properties: { options }, additionalProperties: false };
  return { ...schema, properties: { ...schema.properties, status: written } };
}

const withoutArchived = ({ archived: _, ...rest }: JsonSchema): JsonSchema => rest;

export const AMENDMENTS: readonly Amendment[] = [
  {
    reason: 'every answer has its request_id (page on status codes); the document has it nowhere',
    body: ({ request_id: _, ...body }) => body,
  },
  {
    reason:
      'alternatives of requests overlap in the document: an option with an id and a name is two of them',
    document: (document) =>
      withBody('patch', '/v1/data_sources/{data_source_id}', (schema) =>
        mapSchemas(schema, anyOfItsAlternatives),
      )(document),
  },
  {
    reason: 'pages have is_archived since July 2026 (changelog of 2026-07-15)',
    document: (document) => withSchema(document, 'pageObjectResponse', addMember('is_archived', BOOLEAN)),
  },
  {
    reason: 'a page is archived and taken back by is_archived since July 2026 (changelog of 2026-07-15)',
    document: withBody('patch', '/v1/pages/{page_id}', addMember('is_archived', BOOLEAN)),
  },
  {
    reason: 'a query lists archived pages by is_archived since July 2026 (changelog of 2026-07-15)',
    document: withBody('post', '/v1/data_sources/{data_source_id}/query', addMember('is_archived', BOOLEAN)),
  },
  {
    reason: 'a relation that is cut at 25 says has_more (page on property values; notion-sdk-js issue 443)',
    document: (document) =>
      withSchema(document, 'relationArrayBasedPropertyValueResponse', addMember('has_more', BOOLEAN)),
  },
  {
    reason: 'people that are cut at 25 say has_more, as relations do',
    document: (document) =>
      withSchema(document, 'peopleArrayBasedPropertyValueResponse', addMember('has_more', BOOLEAN)),
  },
  {
    reason: 'search takes filter.in_trash (types of the official client, 5.26.0)',
    document: withBody('post', '/v1/search', (schema) =>
      changeAt(schema, ['properties', 'filter'], addMember('in_trash', BOOLEAN)),
    ),
  },
  {
    reason: 'a select grows past 100 options by use (facts of several users); only requests are held to 100',
    document: (document) =>
      ['select', 'multi_select', 'status'].reduce(
        (held, type) =>
          withSchema(held, CONFIG_NAMES[type] ?? '', (schema) =>
            changeAt(schema, ['properties', type, 'properties', 'options'], withoutLimit),
          ),
        document,
      ),
  },
  {
    reason:
      'status options can be written since 19 March 2026, with a group since June (changelog of both days)',
    document: (document) =>
      withSchema(
        withBody('patch', '/v1/data_sources/{data_source_id}', (schema) =>
          mapSchemas(schema, statusWithOptions),
        )(document),
        'statusPropertyConfigurationRequest',
        statusWithOptions,
      ),
  },
  {
    reason:
      'e-mail and phone: 200 characters by the page on request limits, which contradicts the document; tests set it',
    document: (document) =>
      (
        [
          ['post', '/v1/pages'],
          ['patch', '/v1/pages/{page_id}'],
        ] as const
      ).reduce(
        (held, [method, path]) => withBody(method, path, (schema) => mapSchemas(schema, longerContact))(held),
        document,
      ),
  },
  {
    reason: 'the document is of version 2026-03-11: before, the trash was called archived (upgrade guide)',
    body: (body, version) => (version < '2026-03-11' ? mapSchemas(body, withoutArchived) : body),
  },
  // The last, since it copies what the others change.
  {
    reason: 'the document closes each part of an allOf, so that no object can have the members of two parts',
    document: joinParts,
  },
];
