import { existsSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { loadEnvFile } from 'node:process';

/** What is set already wins; then the file beside the configuration; then that of the working directory. */
export function readEnvFiles(config: string): void {
  const files = [resolve(dirname(config), '.env'), resolve('.env')]
    .filter(existsSync)
    .map((file) => realpathSync(file));
  for (const file of new Set(files)) loadEnvFile(file);
}
