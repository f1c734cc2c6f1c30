import { expect, test } from 'vitest';
import { createNotionClient } from '../../src/notion/client.ts';
import { createPeople } from '../../src/notion/people.ts';
import { createThrottle } from '../../src/notion/throttle.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { startSandbox } from '../../src/sandbox/notion/server.ts';

test('without the right to read users, people go by their ids and nothing fails', async () => {
  const sandbox = await startSandbox({ limit: null });
  const throttle = createThrottle({ limit: { requests: 100, windowMs: 1_000 }, log: silentLog() });
  try {
    const { url: baseUrl, token, control } = sandbox;
    const people = createPeople(createNotionClient({ token, baseUrl, throttle, log: silentLog() }));
    control.faults.add({
      match: { operation: 'users.list' },
      times: null,
      action: { kind: 'status', status: 403, when: 'before', code: 'restricted_resource' },
    });
    expect(await people.nameOf(control.personId)).toBe(control.personId);
    expect((await people.byEmail()).size).toBe(0);
  } finally {
    await throttle.stop();
    await sandbox.close();
  }
});
