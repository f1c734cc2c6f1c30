import type { Readable } from 'node:stream';

const HEADER = 5;
const COPY_DATA = 0x64;

export type CopySink = {
  /** The content of a whole CopyData message. */
  readonly message: (content: Buffer) => void;
  /** Takes the content of one that is too large to be held, piece by piece. */
  readonly large: (length: number) => { readonly write: (piece: Buffer) => void; readonly end: () => void };
  /** The bytes of all other messages, as they come. */
  readonly other: (bytes: Buffer) => void;
};

type Body = { readonly write: (piece: Buffer) => void; readonly end: () => void };

/**
 * Splits what a server sends into messages and holds none that is longer than `mostBytes`. The parser of `pg` keeps
 * every message whole, in a buffer that doubles: a value of 300 MB takes a gigabyte there (invariant 12).
 */
export function createCopyReader(sink: CopySink, mostBytes: number): (chunk: Buffer) => void {
  let header: Buffer = Buffer.alloc(0);
  let body: Body | null = null;
  let left = 0;

  const whole = (): Body => {
    const pieces: Buffer[] = [];
    return {
      write: (piece) => void pieces.push(piece),
      end: () => {
        const [first] = pieces;
        sink.message(pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces));
      },
    };
  };
  const begin = (): void => {
    left = Math.max(0, header.readUInt32BE(1) - 4);
    if (header[0] !== COPY_DATA) {
      sink.other(header);
      body = { write: sink.other, end: () => undefined };
    } else body = left > mostBytes ? sink.large(left) : whole();
    header = Buffer.alloc(0);
  };

  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (body === null) {
        const missing = HEADER - header.length;
        header = Buffer.concat([header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (header.length < HEADER) return;
        begin();
      }
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) body?.write(piece);
      if (left > 0) continue;
      const done: Body | null = body;
      body = null;
      done?.end();
    }
  };
}

/** From now on `read` takes what comes; what `pg` was to read goes to it by way of the function that it is given. */
export function takeOver(
  stream: Readable,
  reader: (forward: (bytes: Buffer) => void) => (chunk: Buffer) => void,
): void {
  const parsers = stream.listeners('data') as ((bytes: Buffer) => void)[];
  stream.removeAllListeners('data');
  stream.on(
    'data',
    reader((bytes) => {
      for (const parse of parsers) parse.call(stream, bytes);
    }),
  );
}
