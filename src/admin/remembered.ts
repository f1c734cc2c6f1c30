/**
 * Reads again only what was read more than `ms` ago, or `anew`; whoever asks meanwhile shares the reading. A failure is of
 * those who asked, and the next one asks again.
 */
export function remembered<From, T>(
  ms: number,
  read: (from: From) => Promise<T>,
): (from: From, anew?: boolean) => Promise<T> {
  let last: { readonly at: number; readonly value: Promise<T> } | null = null;
  return (from, anew = false) => {
    if (!anew && last !== null && performance.now() - last.at <= ms) return last.value;
    const mine = { at: performance.now(), value: read(from) };
    last = mine;
    mine.value.catch(() => {
      if (last === mine) last = null;
    });
    return mine.value;
  };
}
