import { DBOS } from '@dbos-inc/dbos-sdk'
import { serve } from './measure.mjs'

const POOL = 20

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: process.argv[2],
  systemDatabasePoolSize: POOL,
  runAdminServer: false,
  logLevel: 'error',
})

const flow = DBOS.registerWorkflow(
  async (steps) => {
    let sum = 0
    for (let step = 1; step <= steps; step += 1) sum += await DBOS.runStep(async () => step, { name: `step ${step}` })
    return sum
  },
  { name: 'flow' },
)
await DBOS.launch()

serve(async ({ executions, steps }) => {
  const handles = await Promise.all(Array.from({ length: executions }, () => DBOS.startWorkflow(flow)(steps)))
  await Promise.all(handles.map((handle) => handle.getResult()))
})
