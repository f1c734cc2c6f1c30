/** All that a configuration file needs. See `docs/configuration.md`, and the hints that an editor shows on each option. */
export type { ConfigInput, FieldInput, TableInput } from './config/config-input.ts';
export { defineConfig } from './config/mapping-file.ts';
