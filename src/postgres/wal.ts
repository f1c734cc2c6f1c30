import type pg from 'pg';
import type { WalEvent } from '../model/change.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { Lsn } from '../model/ids.ts';
import type { Log } from '../runtime/log.ts';
import { onAbort } from '../runtime/signal.ts';
import type { Decoded, WalDecoder } from './pgoutput.ts';
import { describeConnectError, replicationClient } from './pool.ts';
import { type AckSender, createAckSender } from './wal-ack.ts';
import { describeStreamError, disconnected } from './wal-errors.ts';
import { DATA_HEADER, parseFrame, pastHeader } from './wal-frames.ts';
import { MOST_MESSAGE_BYTES } from './wal-large.ts';
import { decoderOf, startCommand, type WalPlugin } from './wal-plugin.ts';
import { createWalQueue, type WalQueue } from './wal-queue.ts';
import { type CopySink, createCopyReader, takeOver } from './wal-socket.ts';

export type WalStream = {
  /**
   * Batches of what has arrived, in order; a batch may end in the middle of a transaction, and keepalives come
   * between transactions only. Ends after `close`; throws PgnotionError (`wal_disconnected` and `slot_busy` are
   * retryable, `slot_lost` and `wal_undecodable` are not) after all that came before has been given. To be
   * called once. A consumer that lags makes the server wait.
   */
  readonly events: () => AsyncIterable<readonly WalEvent[]>;
  /**
   * Tells the server that everything before `position` is stored: a commit's `end` or a keepalive's `walEnd`.
   * A position behind the last one, or beyond all that was received, is ignored.
   */
  readonly acknowledge: (position: Lsn) => void;
  /** Sends the last acknowledgement and ends the session, within a second whatever the server does. */
  readonly close: () => Promise<void>;
};

export type WalStreamOptions = {
  /** A direct address: replication does not pass through poolers. */
  readonly url: string;
  readonly slot: string;
  readonly plugin: WalPlugin;
  /** Skips transactions that ended before it; the slot's own position decides if it is absent. */
  readonly startAt?: Lsn;
  readonly log: Log;
  /** After this silence either side gives the other up. */
  readonly senderTimeoutMs?: number | undefined;
  /** Milliseconds, for the watchdog and the status messages. */
  readonly now?: () => number;
  /** Gives up the opening; an open stream has its `close`. */
  readonly signal?: AbortSignal;
  /** Looks at the connection before the stream begins; what it throws is what the opening ends with. */
  readonly beforeStart?: (client: pg.Client) => Promise<void>;
  /** What reads the messages; the plug-in's own if absent. */
  readonly decoder?: WalDecoder;
};

const DEFAULT_SENDER_TIMEOUT_MS = 60_000;
const LONGEST_STATUS_MS = 10_000;
const CLOSE_MS = 1000;

/** What `pg` has for COPY in both directions, which its types leave out. */
type CopyConnection = pg.Connection & { readonly sendCopyFromChunk: (chunk: Buffer) => void };

/**
 * Starts streaming a slot. Throws PgnotionError: as `events`, or why the connection could not be made; and the signal's
 * reason if that has come before.
 */
export async function openWalStream(options: WalStreamOptions): Promise<WalStream> {
  const timeoutMs = options.senderTimeoutMs ?? DEFAULT_SENDER_TIMEOUT_MS;
  const client = replicationClient(options.url, `-c wal_sender_timeout=${timeoutMs}`);
  // Failures reach us through the query; without a listener the socket's own would end the process.
  client.on('error', (error) => options.log.debug({ reason: messageOf(error) }, 'replication connection'));
  options.signal?.throwIfAborted();
  using _ = onAbort(options.signal, () => void client.connection.stream.destroy());
  try {
    await client.connect();
  } catch (error) {
    throw describeConnectError(error, options.url);
  }
  try {
    await options.beforeStart?.(client);
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
  const session = createSession(client.connection as CopyConnection, options, timeoutMs);
  await session.run(client.query(startCommand(options.slot, options.plugin, options.startAt)));
  return session.stream;
}

type Session = {
  readonly stream: WalStream;
  /** Takes the running command; resolves when the stream has started, rejects if it does not. */
  readonly run: (command: Promise<unknown>) => Promise<void>;
};

function createSession(connection: CopyConnection, options: WalStreamOptions, timeoutMs: number): Session {
  const now = options.now ?? Date.now;
  let ended = false;
  let streaming = false;
  let lastInbound = now();
  const hear = (): void => {
    lastInbound = now();
  };
  const queue = createWalQueue({
    pause: () => connection.stream.pause(),
    resume: () => {
      hear();
      connection.stream.resume();
    },
  });
  const reporter = createAckSender((frame) => {
    if (streaming && !ended) connection.sendCopyFromChunk(frame);
  }, now);
  const end = (error: PgnotionError | null): void => {
    if (ended) return;
    ended = true;
    clearInterval(statusTimer);
    reporter.stop();
    queue.end(error);
    if (error) connection.stream.destroy();
  };
  // Silence says nothing while we do not read; a server that is up to date is silent too, unless it is asked.
  const report = (): void => {
    if (!queue.paused() && now() - lastInbound > 2 * timeoutMs)
      end(disconnected(`nothing came for ${2 * timeoutMs} ms`));
    else reporter.send(true);
  };
  const statusTimer = setInterval(report, Math.min(LONGEST_STATUS_MS, timeoutMs / 3));
  connection.once('replicationStart', () => {
    streaming = true;
  });
  const decoder = options.decoder ?? decoderOf(options.plugin);
  const receive = createReceiver(decoder, queue, reporter, () => ended);
  listen(connection, receive, hear, end);
  const close = async (): Promise<void> => {
    reporter.send(false);
    end(null);
    await endSession(connection);
  };
  return {
    stream: { events: queue.batches, acknowledge: reporter.acknowledge, close },
    run: (command) => runCommand(connection, command, options.slot, end),
  };
}

/** Resolves when the server starts to stream, rejects if it refuses; `end` hears how the command ends. */
function runCommand(
  connection: CopyConnection,
  command: Promise<unknown>,
  slot: string,
  end: (error: PgnotionError) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once('replicationStart', () => resolve());
    const finish = (error: PgnotionError): void => {
      end(error);
      reject(error);
    };
    command.then(
      () => finish(disconnected('the server ended it')),
      (error) => finish(describeStreamError(error, slot)),
    );
  });
}

/** Reads what comes from now on; what cannot be read ends the session before what follows it. */
function listen(
  { stream }: pg.Connection,
  receive: Pick<CopySink, 'message' | 'large'>,
  hear: () => void,
  end: (error: PgnotionError) => void,
): void {
  takeOver(stream, (forward) => {
    const read = createCopyReader({ ...receive, other: forward }, MOST_MESSAGE_BYTES);
    return (chunk) => {
      hear();
      try {
        read(chunk);
      } catch (error) {
        end(error instanceof PgnotionError ? error : disconnected(messageOf(error), error));
      }
    };
  });
}

/** Reads frames in the order of their arrival and hands on what they say. */
function createReceiver(
  decoder: WalDecoder,
  queue: WalQueue,
  reporter: AckSender,
  ended: () => boolean,
): Pick<CopySink, 'message' | 'large'> {
  let inTransaction = false;
  const takeOne = (event: WalEvent, bytes: number): void => {
    if (event.kind === 'begin') inTransaction = true;
    if (event.kind === 'commit') {
      inTransaction = false;
      reporter.received(event.end);
    }
    if (event.kind === 'keepalive') reporter.received(event.walEnd);
    queue.push(event, bytes);
  };
  const take = (decoded: Decoded, bytes: number): void => {
    if (decoded === null || ended()) return;
    if ('kind' in decoded) takeOne(decoded, bytes);
    else for (const event of decoded) takeOne(event, bytes / decoded.length);
  };
  const message = (content: Buffer): void => {
    if (ended()) return;
    const frame = parseFrame(content);
    if (frame.kind === 'data') {
      take(decoder.decode(frame.payload), frame.payload.length);
      return;
    }
    if (frame.replyRequested) reporter.send(false);
    // Inside a transaction the position may be beyond its commit, which is not here yet.
    if (inTransaction) return;
    takeOne({ kind: 'keepalive', walEnd: frame.walEnd }, 0);
  };
  const large: CopySink['large'] = (length) => {
    const body = decoder.large(length - DATA_HEADER);
    const write = pastHeader(body.write);
    return { write, end: () => take(body.end(), MOST_MESSAGE_BYTES) };
  };
  return { message, large };
}

/** `client.end()` would destroy the socket while its query runs, and the last status with it. */
async function endSession(connection: CopyConnection): Promise<void> {
  const { stream } = connection;
  if (stream.closed) return;
  await new Promise<void>((done) => {
    const force = setTimeout(() => stream.destroy(), CLOSE_MS);
    stream.once('close', () => {
      clearTimeout(force);
      done();
    });
    // What is still on its way must be read, or the end of the connection is not seen.
    stream.resume();
    connection.end();
  });
}
