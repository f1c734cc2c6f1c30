import { type Context, Hono } from 'hono';
import type { z } from 'zod';
import { PgnotionError } from '../model/errors.ts';
import { sentences } from '../model/sentences.ts';
import {
  ACTIONS,
  type ActionDone,
  type ActionInput,
  type ActionName,
  type Actions,
  isAction,
} from './actions.ts';
import { backTo } from './back.ts';
import { readFields } from './fields.ts';
import { refuse, stateUnread } from './refusal.ts';
import type { AdminVariables } from './session.ts';

type Fields = Readonly<Record<string, string>>;

/** `POST /actions/NAME` for forms, and `POST /api/actions/NAME` for programs. */
export function actionRoutes(actions: () => Actions | null): Hono<AdminVariables> {
  const app = new Hono<AdminVariables>();
  app.post('/actions/:name', async (c) => {
    const fields = await readFields(c).catch((): Fields => ({}));
    const done = await perform(c, actions(), fields);
    const [kind, text] =
      done instanceof PgnotionError
        ? ['failed', sentences(done.message, done.remedy)]
        : ['said', done.message];
    return c.redirect(backTo(fields.back, kind as 'failed' | 'said', text), 303);
  });
  app.post('/api/actions/:name', async (c) => {
    const fields = await readFields(c).catch(() => null);
    if (fields === null) return refuse(c, 400, badBody());
    const done = await perform(c, actions(), fields);
    return done instanceof PgnotionError ? refuse(c, statusOf(done), done) : c.json(done);
  });
  return app;
}

async function perform(
  c: Context<AdminVariables>,
  actions: Actions | null,
  fields: Fields,
): Promise<ActionDone | PgnotionError> {
  const name = c.req.param('name') ?? '';
  if (!isAction(name)) return unknownAction(name);
  if (actions === null) return stateUnread();
  const input = inputOf(name, fields);
  if (input instanceof PgnotionError) return input;
  try {
    return await carryOut(actions, name, input, c.get('session').actor);
  } catch (error) {
    if (error instanceof PgnotionError) return error;
    throw error;
  }
}

/** The checks of the parameters make what the action of the same name takes. */
const carryOut = <Name extends ActionName>(
  actions: Actions,
  name: Name,
  input: ActionInput<Name>,
  actor: string,
): Promise<ActionDone> => actions[name](input, actor);

/** What is left empty in a form is not given. */
function inputOf<Name extends ActionName>(name: Name, fields: Fields): ActionInput<Name> | PgnotionError {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
  const parsed = ACTIONS[name].safeParse(given);
  if (parsed.success) return parsed.data as ActionInput<Name>;
  return new PgnotionError({
    code: 'admin_action_invalid',
    message: `${name} cannot be done with these parameters: ${faultsOf(parsed.error)}`,
    remedy: 'see /api/openapi.json for the parameters of each action',
  });
}

const faultsOf = (error: z.ZodError): string =>
  error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');

const unknownAction = (name: string): PgnotionError =>
  new PgnotionError({
    code: 'admin_action_unknown',
    message: `there is no action ${JSON.stringify(name.slice(0, 40))}`,
    remedy: `use one of ${Object.keys(ACTIONS).join(', ')}`,
  });

const badBody = (): PgnotionError =>
  new PgnotionError({
    code: 'admin_body_invalid',
    message: 'the body of the request is neither a form nor a JSON object',
    remedy: 'send `content-type: application/json` and an object with the parameters of the action',
  });

const STATUS: Readonly<Record<string, 400 | 404 | 503>> = {
  admin_action_invalid: 400,
  conflict_value_invalid: 400,
  conflict_choice_missing: 400,
  admin_action_unknown: 404,
  table_unknown: 404,
  conflict_unknown: 404,
  admin_state_unread: 503,
};

/** What is not done because of what is there is a conflict with that. */
const statusOf = ({ code }: PgnotionError): 400 | 404 | 409 | 503 => STATUS[code] ?? 409;
