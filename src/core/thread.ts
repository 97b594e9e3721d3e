import { Worker } from 'node:worker_threads'

/**
 * Starts one of our modules, given by its address without extension, in a thread of its own. From source (tests, tsx) it is TypeScript,
 * which Node 20 reads only through a loader.
 */
export function startThread(module: URL, workerData: unknown): Worker {
  // The process may have been started with options that are none of a thread's.
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${module.href}.js`), { workerData, execArgv: [] })
  const file = JSON.stringify(`${module.href}.ts`)
  return new Worker(`import('tsx/esm/api').then((tsx) => tsx.tsImport(${file}, ${file}))`, { eval: true, workerData })
}
