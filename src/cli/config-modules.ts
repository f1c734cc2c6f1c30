import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const MODULE_SYNTAX = /^\s*(?:import|export)\b(?!\s*\()/m;
const OWN_PACKAGE = 'pgnotion';

const TYPESCRIPT = 'module-typescript';

let registered = false;

/**
 * Lets a configuration be written as a module in whatever project it stands: `npm init` declares CommonJS by default, or nothing, and
 * Node then refuses `import` in a .ts or .js file. The file's own `import ... from 'pgnotion'` finds this very program where
 * the project has not installed it. `lasting`: the process runs for months, and keeps no compiler in its memory.
 */
export function runAsModules({ lasting = false }: { readonly lasting?: boolean } = {}): void {
  if (registered) return;
  registered = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      try {
        return next(specifier, context);
      } catch (error) {
        if (specifier !== OWN_PACKAGE) throw error;
        return next(new URL(`../index${OWN_ENDING}`, import.meta.url).href, context);
      }
    },
    load: (url, context, next) => {
      const ending = /^file:.*(\.[jt]s)$/.exec(url)?.[1];
      if (ending === undefined || url.includes('/node_modules/')) return next(url, context);
      const format = FORMATS[context.format ?? ending];
      const isTypeScript = context.format === TYPESCRIPT || format === TYPESCRIPT;
      if (format === undefined && !isTypeScript) return next(url, context);
      const text = readFileSync(fileURLToPath(url), 'utf8');
      if (format !== undefined && !MODULE_SYNTAX.test(text)) return next(url, context);
      const source = isTypeScript && lasting ? stripApart(text) : null;
      if (source !== null) return { format: 'module', source, shortCircuit: true };
      return next(url, format === undefined ? context : { ...context, format });
    },
  });
}

const STRIP = `const { stripTypeScriptTypes } = require('node:module');
process.stdout.write(stripTypeScriptTypes(require('node:fs').readFileSync(0, 'utf8')));`;

/**
 * The JavaScript of a TypeScript module, made by a process of its own: what Node strips types with takes 19 MB, and stays. Null
 * if it cannot be made there; Node itself then says why. Every line stays where it is.
 */
export function stripApart(text: string): string | null {
  // The program itself is run with it in memory.
  if (OWN_ENDING === '.ts') return null;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawnSync(process.execPath, ['--no-warnings', '--eval', STRIP], {
    input: text,
    encoding: 'utf8',
    env,
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  return child.status === 0 ? child.stdout : null;
}

/** The program runs from its source or from what was built of it. */
const OWN_ENDING = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/**
 * What Node makes of a file in a CommonJS project, or its ending where the project says nothing, and what it is if it has the
 * syntax of a module. Node would find that out by itself in the latter case, and warn of it.
 */
const FORMATS: Readonly<Record<string, string>> = {
  'commonjs-typescript': TYPESCRIPT,
  commonjs: 'module',
  '.ts': TYPESCRIPT,
  '.js': 'module',
};
