/** All that a configuration file needs. See `docs/configuration.md`, and the hints that an editor shows on each option. */
export { type ConfigInput, defineConfig, type FieldInput, type TableInput } from './config/mapping-file.ts';
