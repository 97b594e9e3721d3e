import type { Isolation, ToolEnvironment } from '../tool.js'
import { type ForkServer, startForkServer } from './fork-server.js'
import { findInterpreter, type Interpreter } from './interpreter.js'
import { openMemoryGroup } from './memory-group.js'
import { createProcessPool, type ProcessPool } from './pool.js'
import { commandOf, type Mode, modesOf } from './sandbox.js'

/** The interpreter, and how far its calls are kept apart from the machine. */
interface Opened {
  readonly mode: Mode
  readonly interpreter: Interpreter
  /** Whether the kernel counts the memory of a call. */
  readonly isGrouped: boolean
}

/** The warm parents of the python tool: one without a network, and one with it once a step asks for it. */
export interface WarmPython {
  /** The processes of a fork server that is ready; a word where there can be none. */
  pool(isNetworkOpen: boolean): Promise<ProcessPool | 'missing' | 'refused'>
  isolation(): Promise<Isolation>
  close(): Promise<void>
}

interface Parent {
  readonly server: ForkServer
  readonly pool: ProcessPool
}

const PROBE = '{"code":"result = 1","args":{},"libs":{},"context":{},"network":null,"idempotency_key":""}'

/** Nothing is started before it is asked for. */
export function createWarmPython(environment: ToolEnvironment): WarmPython {
  const parents = new Map<boolean, Parent>()
  let opening: Promise<Opened | 'missing' | 'refused'> | null = null

  const start = ({ mode, interpreter, isGrouped }: Opened, isNetworkOpen: boolean): Parent => {
    const group = isGrouped ? openMemoryGroup() : null
    const command = commandOf({ mode, interpreter, isNetworkOpen, memoryMib: environment.pythonMemoryMib, group })
    const server = startForkServer(command, group)
    const parent = { server, pool: createProcessPool(server) }
    parents.set(isNetworkOpen, parent)
    return parent
  }
  const tryModes = async (): Promise<Opened | 'missing' | 'refused'> => {
    const interpreter = await findInterpreter(environment.pythonPath)
    if (interpreter === null) return 'missing'
    for (const mode of modesAllowed(environment)) {
      for (const isGrouped of [true, false]) {
        const { server } = start({ mode, interpreter, isGrouped }, false)
        const end = await server.run('probe', PROBE)
        if (end.exit === 0) return { mode, interpreter, isGrouped }
        await server.close()
      }
    }
    return 'refused'
  }
  const open = async () => {
    opening ??= tryModes()
    const opened = await opening
    // An interpreter may be installed while the server runs.
    if (opened === 'missing') opening = null
    return opened
  }
  return {
    pool: async (isNetworkOpen) => {
      const opened = await open()
      if (typeof opened === 'string') return opened
      const parent = parents.get(isNetworkOpen)
      return (parent?.server.isAlive ? parent : start(opened, isNetworkOpen)).pool
    },
    isolation: async () => {
      const opened = await open()
      if (typeof opened === 'string') return 'missing'
      return opened.mode === 'plain' ? 'not isolated' : 'isolated'
    },
    close: async () => {
      await opening
      await Promise.all([...parents.values()].map(({ server }) => server.close()))
      parents.clear()
    },
  }
}

function modesAllowed({ pythonSandbox }: ToolEnvironment): readonly Mode[] {
  if (pythonSandbox === 'off') return ['plain']
  return pythonSandbox === 'required' ? modesOf().filter((mode) => mode !== 'plain') : modesOf()
}
