const STEPS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

/** `0.2 s`, `42 s`, `7 min`, `3 h`, `12 d`: as exact as somebody who looks wants it. */
export function ageText(seconds: number): string {
  const [unit, size] = STEPS.find(([, each]) => seconds >= each * 2) ?? ['s', 1];
  if (unit === 's') return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / size)} ${unit}`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** `0 bytes`, `16 kB`, `1.5 GB`, by 1,024 as PostgreSQL counts. */
export function bytesText(bytes: number): string {
  const at = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1_024 ** at;
  return `${at === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${UNITS[at]}`;
}
