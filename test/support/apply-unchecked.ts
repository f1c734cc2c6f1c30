import { applyToNotion, openNotion } from '../../src/app/connections.ts';
import type { CliStage } from './cli-stage.ts';

/** Makes the databases without the checks of `apply`: as if something had become wrong after it. */
export async function applyUnchecked(
  stage: CliStage,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const installation = await stage.install(variables);
  const { notion, throttle } = openNotion(installation);
  try {
    await applyToNotion(installation, notion);
  } finally {
    await throttle.stop();
    await installation.close();
  }
}
