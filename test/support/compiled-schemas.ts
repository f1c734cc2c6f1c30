import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import { type JsonSchema, mapSchemas, type NotionDocument } from './notion-amendments.ts';

// Loaded only where something has to be compiled.
const require = createRequire(import.meta.url);

/** Gives the check of a schema of the document, which has a name of its own. */
export type Compile = (name: string, schema: JsonSchema) => ValidateFunction;

/** Changes whenever what is compiled of a document does. */
const EDITION = 2;

/** Where compiled code is kept for all test files of all runs: to compile takes longer than most tests. */
const FOLDER = join(tmpdir(), 'pgnotion-test-schemas');

/** Compiles schemas when they are asked for; with `keep`, takes and leaves the code in a folder that processes share. */
export function createCompiler(document: NotionDocument, { keep }: { readonly keep: boolean }): Compile {
  let made: Ajv2020 | null = null;
  const ajv = (): Ajv2020 => {
    made ??= createAjv(document);
    return made;
  };
  const compile = (schema: JsonSchema): ValidateFunction => ajv().compile(withAbsoluteRefs(schema));
  if (!keep) return (_name, schema) => compile(schema);
  const version = hash('sha1', JSON.stringify([require('ajv/package.json'), EDITION, document]));
  return (name, schema) => {
    const file = join(FOLDER, `${hash('sha1', `${version} ${name}`)}.js`);
    return run(kept(file) ?? keepAs(file, codeOf(ajv(), compile(schema))));
  };
}

function createAjv(document: NotionDocument): Ajv2020 {
  const { _, Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');
  const ajv = new Ajv2020({
    strict: false,
    logger: false,
    inlineRefs: false,
    discriminator: true,
    validateFormats: true,
    code: { source: true, formats: _`formats` },
  });
  for (const [name, format] of Object.entries(FORMATS)) ajv.addFormat(name, format);
  const components = mapSchemas(document.components, (schema) => withTag(schema, document));
  ajv.addSchema({ $id: 'notion', ...withAbsoluteRefs({ components }) });
  return ajv;
}

/** Names the member by which alternatives differ, so that one of them is tried and not all: what is valid stays the same. */
function withTag(schema: JsonSchema, document: NotionDocument): JsonSchema {
  const { oneOf, anyOf, ...rest } = schema;
  const branches = oneOf ?? anyOf;
  if (!Array.isArray(branches) || (oneOf !== undefined && anyOf !== undefined)) return schema;
  const types = branches.map((branch: JsonSchema) => typeOf(branch, document));
  if (types.includes(null) || new Set(types).size < types.length) return schema;
  const tagged = { discriminator: { propertyName: 'type' }, oneOf: branches };
  return { ...rest, type: 'object', required: ['type'], ...tagged };
}

/** The one value that the member `type` of a schema must have; null if there is none. */
function typeOf({ $ref: ref, required, properties }: JsonSchema, document: NotionDocument): string | null {
  if (typeof ref === 'string')
    return typeOf(document.components.schemas[ref.split('/').at(-1) ?? ''] ?? {}, document);
  const type = (properties as { readonly type?: JsonSchema } | undefined)?.type;
  const isNeeded = Array.isArray(required) && required.includes('type');
  return isNeeded && typeof type?.const === 'string' ? type.const : null;
}

function codeOf(ajv: Ajv2020, validate: ValidateFunction): string {
  const standalone = require('ajv/dist/standalone') as typeof import('ajv/dist/standalone/index.js');
  return standalone.default(ajv, validate);
}

function kept(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** Several processes may write the same at once: each sees a whole file or none. */
function keepAs(file: string, code: string): string {
  mkdirSync(FOLDER, { recursive: true });
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, code);
  renameSync(partial, file);
  return code;
}

function run(code: string): ValidateFunction {
  const module = { exports: {} as ValidateFunction };
  compileFunction(code, ['module', 'require', 'formats'])(module, require, FORMATS);
  return module.exports;
}

/** References are to the document's components, which are a schema of their own here. */
function withAbsoluteRefs(schema: JsonSchema): JsonSchema {
  return JSON.parse(
    JSON.stringify(schema).replaceAll('"#/components/', '"notion#/components/'),
  ) as JsonSchema;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/;
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text),
  'date-time': (text) => TIME.test(text),
  // The document gives dates this format, and its text says that they may have a time.
  date: (text) => DAY.test(text) || TIME.test(text),
};
