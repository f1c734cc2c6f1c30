/** A word as a shell takes it: quoted if it holds anything but letters, digits, `_`, `.` and `-`. */
const shellWord = (text: string): string =>
  /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** A command of pgnotion to be copied into a shell, in backticks; the arguments may hold anything. */
export const commandOf = (command: string, ...words: readonly string[]): string =>
  `\`pgnotion ${[command, ...words.map(shellWord)].join(' ')}\``;
