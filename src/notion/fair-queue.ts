/** Who goes first when the budget is short. */
export type Priority = 'live' | 'poll' | 'bulk' | 'backfill' | 'sweep' | 'bookkeeping';

type PriorityRule = {
  /** Nobody waits for it: it may never spend the last part of the window. */
  readonly patient: boolean;
  /** Once so many requests have gone before it, one of this priority is next. */
  readonly mostPassed: number;
};

/** In this order. So that none waits for ever, each has a share of the requests whatever waits before it. */
export const PRIORITIES: Readonly<Record<Priority, PriorityRule>> = {
  live: { patient: false, mostPassed: Number.POSITIVE_INFINITY },
  poll: { patient: false, mostPassed: 3 },
  bulk: { patient: true, mostPassed: 4 },
  backfill: { patient: true, mostPassed: 9 },
  sweep: { patient: true, mostPassed: 19 },
  bookkeeping: { patient: true, mostPassed: 19 },
};
const ORDER = Object.keys(PRIORITIES) as readonly Priority[];

/** Requests that wait, in the order in which they go. */
type FairQueue<Item> = {
  readonly add: (priority: Priority, lane: string, item: Item) => void;
  /** Makes one that waits as urgent as can be. False if it does not wait any more. */
  readonly hasten: (priority: Priority, lane: string, item: Item) => boolean;
  /** Takes the next one of the priorities that may go; null if none of them waits. */
  readonly take: (may: (priority: Priority) => boolean) => { priority: Priority; item: Item } | null;
};

/**
 * Within one priority the lanes take turns, so that the requests of one table never stand in front of all others;
 * within a lane, the one that came first goes first.
 */
export function createFairQueue<Item>(): FairQueue<Item> {
  const lanes = new Map(ORDER.map((priority) => [priority, new Map<string, Item[]>()]));
  const passed = new Map(ORDER.map((priority) => [priority, 0]));
  const waits = (priority: Priority): boolean => (lanes.get(priority)?.size ?? 0) > 0;
  const overdue = (priority: Priority): boolean =>
    (passed.get(priority) ?? 0) >= PRIORITIES[priority].mostPassed;
  const add = (priority: Priority, lane: string, item: Item): void => {
    const of = lanes.get(priority);
    const queue = of?.get(lane);
    if (queue === undefined) of?.set(lane, [item]);
    else queue.push(item);
  };
  return {
    add,
    hasten: (priority, lane, item) => {
      const of = lanes.get(priority);
      const queue = of?.get(lane) ?? [];
      const others = queue.filter((each) => each !== item);
      if (others.length === queue.length) return false;
      if (others.length === 0) of?.delete(lane);
      else of?.set(lane, others);
      add('live', lane, item);
      return true;
    },
    take: (may) => {
      const ready = ORDER.filter((priority) => waits(priority) && may(priority));
      const priority = ready.find(overdue) ?? ready[0];
      if (priority === undefined) return null;
      for (const other of ready) passed.set(other, other === priority ? 0 : (passed.get(other) ?? 0) + 1);
      return { priority, item: nextOf(lanes.get(priority) ?? new Map<string, Item[]>()) };
    },
  };
}

/** The lane whose turn it is goes to the end of the line, or out of it once it is empty. */
function nextOf<Item>(lanes: Map<string, Item[]>): Item {
  for (const [lane, [item, ...others]] of lanes) {
    lanes.delete(lane);
    if (others.length > 0) lanes.set(lane, others);
    if (item !== undefined) return item;
  }
  throw new Error('no request waits');
}
