import { failpoint } from '../runtime/failpoints.ts';
import { beginOperation, endOperation, type Operation, type OperationId } from './operations.ts';
import { intend } from './records.ts';
import type { Sql, Store } from './sql.ts';

/** An operation that one request to Notion carries out. */
export type RequestedOperation = Operation & {
  readonly kind: 'create' | 'update' | 'delete' | 'restore' | 'filter';
};

/** An operation that is one request to Notion: it is stored from the moment at which the request leaves. */
export type RequestOperation = {
  /** For `beforeLeaving`: a request that still waits, and one that never leaves, is not stored and is in no doubt. */
  readonly begin: () => Promise<void>;
  readonly end: (sql: Sql, outcome: Parameters<typeof endOperation>[2]) => Promise<void>;
  /** `isOver`: it has done nothing, and cannot any more; otherwise a look at the page has to tell what came of it. */
  readonly failed: (failure: { readonly message: string }, isOver: boolean) => Promise<void>;
  /** The request is answered, and what ends the operation is up to the caller. Null if it was never stored. */
  readonly answered: () => OperationId | null;
};

/** `also` is stored together with the operation; `intent`: that the record's page may come to exist. */
export function requestOperation(
  store: Store,
  operation: RequestedOperation,
  also: ((sql: Sql) => Promise<void>) | 'intent' | null = null,
): RequestOperation {
  let id: OperationId | null = null;
  const answered = (): OperationId | null => {
    failpoint(`deliver.after-${operation.kind}`);
    return id;
  };
  const end: RequestOperation['end'] = async (on, outcome) => {
    if (outcome.status === 'done') answered();
    if (id !== null) await endOperation(on, id, outcome);
  };
  return {
    begin: async () => {
      if (typeof also !== 'function' && id === null)
        id = await beginOperation(store, operation, store.epoch, also === 'intent');
      else
        await store.transaction(async (sql) => {
          if (also === 'intent') await intendFor(sql, operation);
          else await also?.(sql);
          if (id === null) id = await beginOperation(sql, operation);
          // Notion sent it away before; what may be in doubt is this try.
          else await restartOperation(sql, id);
        });
      failpoint(`deliver.before-${operation.kind}`);
    },
    end,
    failed: ({ message }, isOver) => {
      const outcome = { status: isOver ? 'failed' : 'unknown', error: message } as const;
      return store.transaction((sql) => end(sql, outcome));
    },
    answered,
  };
}

const intendFor = async (sql: Sql, { table, key }: RequestedOperation): Promise<void> => {
  if (key !== null) await intend(sql, table, key);
};

const restartOperation = (sql: Sql, id: OperationId): Promise<object[]> =>
  sql.query('update pgnotion.operations set started_at = clock_timestamp() where id = $1', [id]);
