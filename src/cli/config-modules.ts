import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const MODULE_SYNTAX = /^\s*(?:import|export)\b(?!\s*\()/m;
const OWN_PACKAGE = 'pgnotion';

let registered = false;

/**
 * Lets a configuration be written as a module in whatever project it stands: `npm init` declares CommonJS by default, or nothing, and
 * Node then refuses `import` in a .ts or .js file. The file's own `import ... from 'pgnotion'` finds this very program where
 * the project has not installed it.
 */
export function runAsModules(): void {
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
      const format = FORMATS[context.format ?? ending ?? ''];
      if (format === undefined || ending === undefined || url.includes('/node_modules/'))
        return next(url, context);
      if (!MODULE_SYNTAX.test(readFileSync(fileURLToPath(url), 'utf8'))) return next(url, context);
      return next(url, { ...context, format });
    },
  });
}

/** The program runs from its source or from what was built of it. */
const OWN_ENDING = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/**
 * What Node makes of a file in a CommonJS project, or its ending where the project says nothing, and what it is if it has the
 * syntax of a module. Node would find that out by itself in the latter case, and warn of it.
 */
const FORMATS: Readonly<Record<string, string>> = {
  'commonjs-typescript': 'module-typescript',
  commonjs: 'module',
  '.ts': 'module-typescript',
  '.js': 'module',
};
