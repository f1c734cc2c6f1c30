import { PgnotionError } from '../model/errors.ts';
import { forgetWebhookToken, webhookToken } from '../state/webhook.ts';
import { type Loaded, withState } from './commands.ts';

/** The token of Notion's handshake, for a person to paste into Notion. */
export function webhookTokenCommand(loaded: Loaded, asJson: boolean): Promise<string> {
  return withState(loaded, async (sql) => {
    const token = await webhookToken(sql);
    if (token === null) throw noWebhookToken();
    return asJson ? JSON.stringify({ token }) : token;
  });
}

const noWebhookToken = (): PgnotionError =>
  new PgnotionError({
    code: 'webhook_token_missing',
    message: 'Notion has not sent a token for webhooks yet',
    remedy:
      "while the daemon runs, create a subscription in the connection's settings in Notion, or send the token again",
  });

export function webhookResetCommand(loaded: Loaded): Promise<string> {
  return withState(loaded, async (sql) =>
    (await forgetWebhookToken(sql))
      ? "the token is forgotten; webhooks are refused until Notion's next handshake, which is taken"
      : "there is no token; Notion's next handshake is taken",
  );
}
