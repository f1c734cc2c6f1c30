/** Loaded by whatever Node there is, so that it imports nothing. */
type NodeFault = { readonly code: string; readonly message: string; readonly remedy: string };

const OLDEST_NODE = 24;

/** Why this version of Node cannot run pgnotion; null if it can. */
export function nodeFault(version: string): NodeFault | null {
  if (Number.parseInt(version, 10) >= OLDEST_NODE) return null;
  return {
    code: 'node_too_old',
    message: `this is Node ${version}, and pgnotion needs Node 24`,
    remedy:
      'install Node 24 or later (https://nodejs.org), or have npm bring it into this project: `npm install node@24`',
  };
}
