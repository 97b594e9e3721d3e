/** Words of NoETL that this language does not have, and what to write instead. */
const FEATURES: Readonly<Record<string, string>> = {
  sink: 'store the result with a step of its own (postgres or http)',
  save: 'store the result with a step of its own (postgres or http)',
  script: 'put the code itself under "code"',
  uri: 'put the code itself under "code"',
  set: 'write the variables under "vars" of the step',
  set_ctx: 'write the variables under "vars" of the step',
  set_iter: 'write the variables under "vars" of the iterator\'s task',
  ctx: 'write the variables under "vars" of the step',
  mutate: 'write the variables under "vars" of the step',
  bind: 'write the variables under "vars" of the step',
  on_success: 'route back to the step with "next" and "when", and count with "vars"',
  on_error: 'use "retry", or route with "next" and a "when" that reads this.status',
  on_failure: 'use "retry", or route with "next" and a "when" that reads this.status',
  next_call: 'route back to the step with "next" and "when", and count with "vars"',
  pagination: 'route back to the step with "next" and "when", and count with "vars"',
  collect: 'gather with "vars", or with a python step',
  transfer: 'fetch with http or postgres, then write with an iterator over a postgres task',
  result: 'the step\'s value is its result; keep parts of it with "vars"',
  return_step: 'the result of a child playbook is that of its last completed step',
  return: 'the result of a child playbook is that of its last completed step',
  pipe: 'write one step for each call',
  call: 'write a step of its own and route to it',
  do: 'route with "next" or "case"',
  eval: 'route with "next" or "case"',
  arcs: 'write case: [{when, then: [{step}]}] for the first that matches (exclusive), or next: [{when, then: [{step}]}] for all (inclusive)',
  spec: 'leave it out: write "retry" and "timeout" on the step, options of a loop in "loop", and route with "next" and a "when" that reads this.status',
  policy: 'use "retry", and route with "next" and a "when" that reads this.status',
  rules: 'use "retry", and route with "next" and a "when" that reads this.status',
  input: 'write "args" (python, playbook, workbook), or templates where the values are needed',
  output: 'the step\'s value is its result; keep parts of it with "vars"',
  credential: 'name the credential in "auth"',
  credentials: 'credentials are settings of the server; name one in "auth"',
  keychain: 'credentials are settings of the server; name one in "auth"',
  executor: 'leave it out; "pool" on a step chooses its workers',
  runtime: 'choose the workers with "pool"',
  schedule: 'start executions over the API',
  input_schema: 'check the workload in the first step',
  finally: 'route to the same step from every branch',
  cache: 'keep the value with "vars"',
  decorators: 'use "retry" and "timeout"',
  distributed: 'use "mode: async" and "concurrency"',
  duckdb: 'use postgres or python',
  ducklake: 'use postgres or python',
  snowflake: 'use python',
  snowflake_transfer: 'use python',
  gcs: 'use http',
  gateway: 'use http',
  secret: 'credentials are settings of the server; name one in "auth"',
  secrets: 'credentials are settings of the server; name one in "auth"',
  noop: 'leave the tool out: a step may have only "vars" and "next"',
  container: 'use python or http',
  shell: 'use python',
  nats: 'use http or python',
  artifact: 'keep the value with "vars", or store it with http or postgres',
  event_log: "every step's end is an event already",
}

/** What to say about a list of tools where one is expected. */
export const PIPELINE =
  'a list of tools (a pipeline) is a feature of NoETL that Transient does not have: write one step for each tool'

/** What to say about a word of NoETL that is not supported, or null when the word is not one of them. */
export function featureAdvice(word: string): string | null {
  if (!Object.hasOwn(FEATURES, word)) return null
  return `"${word}" is a feature of NoETL that Transient does not have: ${FEATURES[word]}`
}

/** Words that people write for ours. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  description: ['desc'],
  condition: ['when'],
  if: ['when'],
  name: ['step'],
  id: ['step', 'name'],
  goto: ['step'],
  target: ['step'],
  inputs: ['args'],
  input: ['args'],
  arguments: ['args'],
  parameters: ['args', 'params'],
  items: ['collection', 'in'],
  over: ['collection', 'in'],
  item: ['element', 'iterator'],
  as: ['element', 'iterator'],
  filter: ['where'],
  sort: ['order_by'],
  parallel: ['mode'],
  max_parallel: ['concurrency'],
  batch_size: ['chunk'],
  attempts: ['max_attempts'],
  retries: ['max_attempts', 'retry'],
  max_retries: ['max_attempts'],
  delay: ['initial_delay'],
  backoff: ['backoff_multiplier'],
  multiplier: ['backoff_multiplier'],
  sql: ['query'],
  body: ['payload'],
  json: ['payload'],
  steps: ['workflow'],
  tasks: ['workbook'],
  variables: ['vars'],
  secrets: ['sensitive'],
}

/** The known word that an unknown one most likely stands for, or null. */
export function synonymOf(word: string, known: ReadonlySet<string>): string | null {
  const candidates = Object.hasOwn(SYNONYMS, word) ? (SYNONYMS[word] ?? []) : []
  return candidates.find((candidate) => known.has(candidate)) ?? null
}
