/** At most three names that are spelled nearly like the wanted one, or equal it after a full stop (a table in another schema). */
export function nearest<T extends string>(wanted: string, names: readonly T[]): readonly T[] {
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return names
    .map((name) => ({ name, distance: Math.min(distance(name, wanted), distance(last(name), last(wanted))) }))
    .filter(({ name, distance: found }) => found <= Math.max(1, Math.floor(last(name).length / 2)))
    .sort((one, other) => one.distance - other.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** How many letters must be put in, taken out or replaced. */
export function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (let to = 1; to <= other.length; to += 1) {
      const replaced = (row[to - 1] ?? 0) + (letter === other[to - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
