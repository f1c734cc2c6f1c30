import { createHash, randomUUID } from 'node:crypto';
import { arrayAt, idAt, isObject, objectAt, stringAt } from './check.ts';
import { failed, invalid, notFound } from './errors.ts';
import { WORKSPACE } from './people.ts';
import type { Store } from './store.ts';
import type { FileValue, JsonObject } from './types.ts';

const HOST = 'https://prod-files-secure.s3.us-west-2.amazonaws.com';
const HOUR = 3_600_000;

/** A file that a person uploads. */
export const hostedFile = (name: string): FileValue => ({ name, hosted: randomUUID() });

/** A file as the API answers it; the address of an uploaded one is signed anew and expires within an hour. */
export function renderFile(store: Store, file: FileValue): JsonObject {
  if (!('hosted' in file)) return { name: file.name, type: 'external', external: { url: file.url } };
  const hourly = store.behaviour.hostedUrls === 'hourly';
  const signed = hourly ? Math.floor(store.now() / HOUR) * HOUR : store.now();
  const seed = hourly ? `${file.hosted} ${signed}` : randomUUID();
  const query = new URLSearchParams({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Date': new Date(signed).toISOString().replace(/[-:]|\.\d+/g, ''),
    'X-Amz-Expires': '3600',
    'X-Amz-Signature': createHash('sha256').update(seed).digest('hex'),
  });
  const url = `${HOST}/${WORKSPACE}/${file.hosted}/${encodeURIComponent(file.name)}?${query}`;
  return { name: file.name, type: 'file', file: { url, expiry_time: new Date(signed + HOUR).toISOString() } };
}

/** Reads a file of a write: a link, or an uploaded file that an answer showed before. */
function parseFile(store: Store, raw: unknown, path: string): FileValue {
  const file: JsonObject = objectAt(raw, path);
  const name = stringAt(file.name, `${path}.name`, 100);
  if (name === '')
    throw invalid(`body failed validation: ${path}.name.length should be ≥ \`1\`, instead was \`0\`.`);
  if (file.file_upload !== undefined) return parseUpload(store, file.file_upload, name, path);
  if (file.file !== undefined) return parseHosted(store, file, name, path);
  if (!isObject(file.external)) throw failed(`${path}.external`, 'defined', file.external);
  return { name, url: stringAt(file.external.url, `${path}.external.url`, 2000) };
}

export const parseFiles = (store: Store, raw: unknown, path: string): readonly FileValue[] =>
  arrayAt(raw, path).map((item, index) => parseFile(store, item, `${path}[${index}]`));

/** An upload that was sent: from here on Notion hosts the file. */
function parseUpload(store: Store, raw: unknown, name: string, path: string): FileValue {
  const id = idAt(objectAt(raw, `${path}.file_upload`).id, `${path}.file_upload.id`);
  const upload = store.uploads.get(id);
  if (upload === undefined) throw notFound('file upload', id);
  if (!upload.sent) throw invalid(`The file upload ${id} is not uploaded yet.`);
  return hostedFile(name);
}

function parseHosted(store: Store, file: JsonObject, name: string, path: string): FileValue {
  const url = stringAt(objectAt(file.file, `${path}.file`).url, `${path}.file.url`);
  if (!store.behaviour.hostedFilesInWrites) {
    throw invalid(
      `body failed validation: ${path}.file should be not present, instead was \`${JSON.stringify(file.file)}\`.`,
    );
  }
  const [, workspace, key = ''] = url.startsWith(`${HOST}/`) ? new URL(url).pathname.split('/') : [];
  if (workspace !== WORKSPACE || !/^[0-9a-f-]{36}$/.test(key)) {
    throw invalid(
      `Invalid file URL for ${path}: only files that are hosted by Notion can be of the type file.`,
    );
  }
  return { name, hosted: key };
}
