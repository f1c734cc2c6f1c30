/**
 * What the next look at a waiting page does, whatever the page holds by then. `look`: it looks afresh, as if nothing were
 * known of the page. `hold`: nothing, until the page is back, a person decides, or what PostgreSQL refused may pass.
 * `approve` and `reject`: it carries out what a person decided about the page.
 */
export type EditCommand = 'look' | 'hold' | 'approve' | 'reject';

/** What an entry of `pgnotion.edits` goes by: the values that were seen, or a command that takes their place. */
export type EditMark =
  | { readonly kind: 'values'; readonly digest: string }
  | { readonly kind: 'command'; readonly command: EditCommand }
  /** Neither: the entry's reason says what it waits for. */
  | { readonly kind: 'none' };

export const NO_MARK: EditMark = { kind: 'none' };
export const LOOK_MARK: EditMark = { kind: 'command', command: 'look' };

export const valuesMark = (digest: string): EditMark => ({ kind: 'values', digest });
export const commandMark = (given: EditCommand): EditMark => ({ kind: 'command', command: given });

/** A mark as the table holds it: at most one of both. */
type Columns = { readonly digest: string | null; readonly command: EditCommand | null };

export function markOf({ digest, command }: Columns): EditMark {
  if (command !== null) return commandMark(command);
  return digest === null ? NO_MARK : valuesMark(digest);
}

export function columnsOf(mark: EditMark): Columns {
  switch (mark.kind) {
    case 'values':
      return { digest: mark.digest, command: null };
    case 'command':
      return { digest: null, command: mark.command };
    case 'none':
      return { digest: null, command: null };
    default:
      return mark satisfies never;
  }
}

/** What was asked of a page that waits. */
export type Decision = 'approved' | 'rejected' | 'retry';

type Waiting = { readonly mark: EditMark; readonly parked: boolean };

/** What the look at hand has to carry out; null if nobody asked for anything. What is set aside was asked nothing yet. */
export function decisionOf(waiting: Waiting | null | undefined): Decision | null {
  if (waiting == null || waiting.parked || waiting.mark.kind !== 'command') return null;
  const asked = waiting.mark.command;
  switch (asked) {
    case 'look':
      return 'retry';
    case 'approve':
      return 'approved';
    case 'reject':
      return 'rejected';
    case 'hold':
      return null;
    default:
      return asked satisfies never;
  }
}

/** Whether a page waits by the same mark: with these values, or after this command. */
export function isMarked(waiting: Pick<Waiting, 'mark'> | undefined, mark: EditMark): boolean {
  if (waiting === undefined) return false;
  const known = waiting.mark;
  switch (mark.kind) {
    case 'values':
      return known.kind === 'values' && known.digest === mark.digest;
    case 'command':
      return known.kind === 'command' && known.command === mark.command;
    case 'none':
      return known.kind === 'none';
    default:
      return mark satisfies never;
  }
}
