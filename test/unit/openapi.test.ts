import { expect, test } from 'vitest';
import { apiRoutes } from '../../src/admin/api-routes.ts';
import type { DashboardParts } from '../../src/admin/dashboard-parts.ts';
import { openApi } from '../../src/admin/openapi.ts';

const parts = { queries: () => null } as unknown as DashboardParts;

test('the document names every address that is routed, and no other', () => {
  const { paths } = openApi() as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  };
  const described = Object.keys(paths).filter(
    (path) => paths[path]?.get !== undefined && path !== '/api/events',
  );
  const routed = apiRoutes(parts).routes.map(({ path }) => path.replaceAll(/:(\w+)/g, '{$1}'));
  expect(described.sort()).toEqual([...new Set(routed)].sort());
});
