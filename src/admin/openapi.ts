import { z } from 'zod';
import { ACTIONS } from './actions.ts';
import * as answers from './answers.ts';
import { CHARTS_QUERY, OPERATIONS_QUERY, RUNS_QUERY, SLO_QUERY } from './api-routes.ts';
import { slo } from './slo-answer.ts';

const schemaOf = (schema: z.ZodType, io: 'input' | 'output' = 'output'): object => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

const json = (schema: z.ZodType, io: 'input' | 'output' = 'output') => ({
  'application/json': { schema: schemaOf(schema, io) },
});

const REFUSED = { $ref: '#/components/responses/Refused' };
const REFUSALS = { '401': REFUSED, '429': REFUSED, '503': REFUSED };

type Reading = {
  readonly summary: string;
  readonly answer: z.ZodType;
  readonly query?: z.ZodObject;
  readonly path?: Readonly<Record<string, string>>;
};

/** What is read, by its path. */
const READINGS: Readonly<Record<string, Reading>> = {
  '/api/overview': { summary: 'The daemon, its ends, and a line per table', answer: answers.overview },
  '/api/tables': { summary: 'A line per table', answer: answers.tables },
  '/api/inbox': { summary: 'What waits for a person', answer: answers.inbox },
  '/api/records/{table}/{key}': {
    summary: 'A record: its row, what both sides held when they last agreed, and its journey',
    answer: answers.record,
    path: {
      table: 'the name of a table in the configuration',
      key: "the row's primary key as text; of several columns a JSON array of texts",
    },
  },
  '/api/operations': {
    summary: 'Changes of one side, newest first, fifty at a time',
    answer: answers.operations,
    query: OPERATIONS_QUERY,
  },
  '/api/runs': {
    summary: 'First syncs, rollbacks and comparisons, newest first',
    answer: answers.runs,
    query: RUNS_QUERY,
  },
  '/api/actions': {
    summary: 'What people had done through this port, newest first',
    answer: answers.actionLog,
  },
  '/api/charts': {
    summary: 'The last hour by minutes, or the last day by half hours',
    answer: answers.charts,
    query: CHARTS_QUERY,
  },
  '/api/slo': {
    summary: 'How the success criteria were met in the last days; read once a minute at most',
    answer: slo,
    query: SLO_QUERY,
  },
  '/api/settings': {
    summary: 'The configuration as it was understood, without secrets',
    answer: answers.settings,
  },
};

const SAID: Readonly<Record<keyof typeof ACTIONS, string>> = {
  retry: 'Try what failed of a record again now',
  resolve: 'Decide a conflict: keep one side, or take a value (JSON text) for both',
  approve: 'Let guarded changes cross: all of a table, or those of one record, kind or property',
  reject: 'Refuse guarded changes',
  pair: 'Join a page that matches several rows with one of them',
  pause: 'Stop delivery and polling of a table, or of all; its changes wait',
  resume: 'Go on with a table, or with all that were paused',
  undo: 'Take one operation back in the row; the page follows',
  resync: 'Compare every row and page of a table, or of all, again, and write what differs',
  verify: 'Compare both sides of a table, or of all, and tell what differs',
};

function readingPath([path, { summary, answer, query, path: named = {} }]: readonly [string, Reading]) {
  const properties = Object.entries(query?.shape ?? {});
  const parameters = [
    ...Object.entries(named).map(([name, description]) => ({
      name,
      in: 'path',
      required: true,
      description,
      schema: { type: 'string' },
    })),
    ...properties.map(([name, schema]) => ({
      name,
      in: 'query',
      required: false,
      schema: schemaOf(schema as z.ZodType, 'input'),
    })),
  ];
  const responses = {
    '200': { description: 'the answer', content: json(answer) },
    ...(query === undefined ? {} : { '400': REFUSED }),
    ...(path.includes('{') ? { '404': REFUSED } : {}),
    ...REFUSALS,
  };
  return [path, { get: { summary, parameters, responses } }] as const;
}

function actionPath(name: keyof typeof ACTIONS) {
  const schema = ACTIONS[name];
  return [
    `/api/actions/${name}`,
    {
      post: {
        summary: SAID[name],
        requestBody: { required: true, content: json(schema, 'input') },
        responses: {
          '200': { description: 'done', content: json(answers.done) },
          '400': REFUSED,
          '403': REFUSED,
          '404': REFUSED,
          '409': REFUSED,
          '413': REFUSED,
          ...REFUSALS,
        },
      },
    },
  ] as const;
}

const OTHERS = [
  [
    '/api/events',
    {
      get: {
        summary:
          'Server-sent events: `overview`, with the answer of /api/overview, when a number of it has changed',
        responses: {
          '200': {
            description: 'a stream',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          ...REFUSALS,
        },
      },
    },
  ],
  [
    '/api/openapi.json',
    {
      get: {
        summary: 'This document',
        responses: {
          '200': { description: 'it', content: { 'application/json': { schema: { type: 'object' } } } },
          ...REFUSALS,
        },
      },
    },
  ],
] as const;

/** What `/api` answers and takes, as OpenAPI 3.1. */
export const openApi = (): object => ({
  openapi: '3.1.0',
  info: {
    title: 'pgnotion',
    version: '1',
    description:
      'What the dashboard shows and does. Send `Authorization: Bearer` with ADMIN_TOKEN; a browser has a cookie from /login instead, and sends the CSRF token with whatever changes something.',
  },
  security: [{ bearer: [] }, { cookie: [], csrf: [] }],
  paths: Object.fromEntries([
    ...Object.entries(READINGS).map(readingPath),
    ...OTHERS,
    ...(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]).map(actionPath),
  ]),
  components: {
    responses: {
      Refused: { description: 'it is not done; the code says why', content: json(answers.refusal) },
    },
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer' },
      cookie: { type: 'apiKey', in: 'cookie', name: 'pgnotion_session' },
      csrf: { type: 'apiKey', in: 'header', name: 'x-csrf-token' },
    },
  },
});
