import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Backend, startBackend } from '../support/backends.js'
import { ROOT } from '../support/paths.js'
import { type PlaybookCase, playbookFaults } from '../support/playbook-run.js'

type Scenario = Omit<PlaybookCase, 'source'> & { readonly file: string; readonly as?: string }

const setBy = (source_step: string, values: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, type: 'step_result', source_step }]))
const kept = (source_step: string, names: readonly string[], match: Record<string, unknown>) =>
  Object.fromEntries(names.map((name) => [name, { match, type: 'step_result', source_step }]))
const TIME = { type: 'iso8601' }
const SECONDS = { type: 'number', gte: 0, lte: 60 }

const page = (offset: number, items: readonly unknown[]) => ({
  status: 200,
  body: { items },
  expect: { query: { limit: '100', offset: String(offset) } },
})
const refused = { status: 500, body: { message: 'not yet' } }
const operation = (...responses: readonly { status: number; body: unknown }[]) => [
  { method: 'GET', path: '/operation', responses },
]
const ATTEMPTS = ['start', 'attempt_operation', 'attempt_operation', 'attempt_operation']

/** How the playbooks of examples/ end, whose features are those of NoETL's variables. */
const SCENARIOS: readonly Scenario[] = [
  {
    file: 'shared_counters',
    expected: {
      status: 'completed',
      extraVariables: true,
      variables: setBy('report', { average: 21.25 }),
      steps: ['take_orders', 'report'],
    },
  },
  {
    file: 'batch_processor',
    workload: { api_url: '{stub}' },
    http: [
      {
        method: 'GET',
        path: '/items',
        responses: [
          page(0, [
            { id: 11, status: 'ok' },
            { id: 12, status: 'error' },
            { id: 13, status: 'ok' },
          ]),
          page(100, [
            { id: 14, status: 'ok' },
            { id: 15, status: 'ok' },
          ]),
          page(200, []),
        ],
      },
      {
        method: 'POST',
        path: '/stats',
        responses: [
          {
            status: 200,
            body: { stored: true },
            expect: { body: { processed: 4, failed: 1, duration_seconds: { match: SECONDS }, success_rate: 80 } },
          },
        ],
      },
    ],
    expected: {
      status: 'completed',
      extraVariables: true,
      variables: {
        ...setBy('process_batch', { processed: 4, failed: 1, current_batch: 3 }),
        ...setBy('fetch_batch', { last_batch_size: 0 }),
        ...setBy('finalize', { success_rate: 80 }),
        ...kept('start', ['start_time'], TIME),
        ...kept('fetch_batch', ['last_fetch_time'], TIME),
        ...kept('finalize', ['end_time'], TIME),
        ...kept('finalize', ['total_duration'], SECONDS),
      },
      steps: ['start', 'fetch_batch', 'process_batch', 'fetch_batch', 'process_batch', 'fetch_batch', 'finalize', 'end'],
      results: { finalize: { stored: true } },
    },
  },
  {
    file: 'before_after',
    expected: {
      status: 'completed',
      variables: {
        ...setBy('complex_operation', { attempt_number: 2, operation_result: { status: 'success' } }),
        ...kept('complex_operation', ['operation_start', 'operation_end'], TIME),
        ...kept('complex_operation', ['operation_duration'], SECONDS),
      },
      steps: ['complex_operation'],
      results: { complex_operation: { status: 'success' } },
    },
  },
  {
    file: 'conditional_retry',
    as: 'the third attempt succeeds',
    workload: { api_url: '{stub}/operation' },
    http: operation(refused, refused, { status: 200, body: { done: true } }),
    expected: {
      status: 'completed',
      variables: {
        ...setBy('attempt_operation', { retry_count: 2, last_error: null }),
        ...setBy('start', { max_retries: 3 }),
      },
      steps: [...ATTEMPTS, 'success'],
      results: { attempt_operation: { done: true } },
    },
  },
  {
    file: 'conditional_retry',
    as: 'all attempts fail',
    workload: { api_url: '{stub}/operation' },
    http: operation(refused, refused, refused),
    expected: {
      status: 'completed',
      variables: {
        ...setBy('attempt_operation', { retry_count: 3 }),
        ...setBy('start', { max_retries: 3 }),
        ...kept('attempt_operation', ['last_error'], { not_null: true }),
      },
      steps: [...ATTEMPTS, 'failure'],
    },
  },
  {
    file: 'config_loading',
    workload: { config_url: '{stub}/config', query: 'SELECT 1' },
    http: [
      {
        method: 'GET',
        path: '/config/production',
        responses: [
          {
            status: 200,
            body: { api: { endpoint: '{stub}/api', timeout: 5 }, features: ['beta', 'dark'], database: { host: 'db', port: 1 } },
          },
        ],
      },
      { method: 'ANY', path: '/api/data', responses: [{ status: 200, body: { rows: 1 } }] },
    ],
    expected: {
      status: 'completed',
      variables: setBy('load_config', {
        api_endpoint: '{stub}/api',
        api_timeout: 5,
        feature_flags: ['beta', 'dark'],
        db_config: { host: 'db', port: 1 },
      }),
      steps: ['load_config', 'validate_config', 'execute_with_config'],
      results: { validate_config: { valid: true }, execute_with_config: { rows: 1 } },
    },
  },
  {
    file: 'iterator_vars',
    expected: {
      status: 'completed',
      variables: {
        ...setBy('process_items', { processed_count: 3, last_item_id: 30 }),
        process_items_index: { value: 2, type: 'iterator_state', source_step: 'process_items' },
        process_items_item: { value: { id: 30 }, type: 'iterator_state', source_step: 'process_items' },
        process_items_count: { value: 3, type: 'iterator_state', source_step: 'process_items' },
        process_items_total: { value: 3, type: 'iterator_state', source_step: 'process_items' },
      },
      steps: ['process_items'],
      results: { process_items: [10, 20, 30].map((id) => ({ id, status: 'done' })) },
    },
  },
  {
    file: 'migration_counter',
    expected: { status: 'completed', variables: setBy('process', { counter: 1 }), steps: ['start', 'process'] },
  },
  {
    file: 'priority_order',
    workload: { base_url: '{stub}' },
    http: [{ method: 'GET', path: '/users', responses: [{ status: 200, body: { name: 'ada' } }] }],
    expected: {
      status: 'completed',
      variables: {
        ...setBy('setup', { timeout: 60 }),
        ...setBy('resolve', { from_vars: 60, from_workload: 30, from_bare_name: 60, from_step: 'ada', from_results: 'ada' }),
      },
      steps: ['setup', 'call_api', 'resolve'],
      results: { call_api: { name: 'ada' } },
    },
  },
  {
    file: 'template_access',
    workload: { api_url: '{stub}/users' },
    http: [{ method: 'POST', path: '/users', responses: [{ status: 201, body: { accepted: true } }] }],
    expected: {
      status: 'completed',
      extraVariables: true,
      variables: setBy('produce', { direct: 'plain', nested: 'Ada', navigated: 2, api_url: '{stub}/users', counter: 10 }),
      steps: ['produce', 'use_variables', 'end'],
      results: { use_variables: { accepted: true }, end: { final_count: 10 } },
    },
  },
  {
    file: 'variable_extraction',
    postgresSetup: `DROP TABLE IF EXISTS users;
      CREATE TABLE users (user_id int PRIMARY KEY, email text, status text, created_at timestamptz);
      INSERT INTO users VALUES (1, 'ada@example.com', 'active', '2025-12-13T10:00:00Z'), (2, 'left@example.com', 'inactive', now())`,
    expected: {
      status: 'completed',
      variables: {
        ...setBy('fetch_data', { user_id: 1, user_email: 'ada@example.com' }),
        ...kept('fetch_data', ['signup_date'], { type: 'iso8601', instant: '2025-12-13T10:00:00Z' }),
      },
      steps: ['prepare', 'fetch_data', 'process_user', 'notify'],
      results: { process_user: { status: 'processed', user: 1 } },
    },
  },
]

describe('examples/', () => {
  let backend: Backend

  beforeAll(async () => {
    backend = await startBackend('embedded')
  })
  afterAll(async () => {
    await backend?.close()
  })

  it.for(SCENARIOS.map((scenario) => [scenario.file, scenario.as ?? 'as it says', scenario] as const))(
    '%s: %s',
    async ([_file, _as, { file, as: _scenario, ...run }]) => {
      const source = readFileSync(join(ROOT, 'examples', `${file}.yaml`), 'utf8')
      expect(await playbookFaults(backend.server, { source, ...run })).toEqual([])
    },
  )
})
