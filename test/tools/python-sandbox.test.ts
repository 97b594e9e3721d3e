import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createToolbox } from '../../src/tools/index.js'
import { ATTACKS, type Target } from '../security/attacks.js'
import { within } from '../support/pace.js'
import { createCaller, environmentWith } from './call.js'

const secret = `sandbox-secret-${process.pid}`
process.env['ADMIN_KEY'] = secret
const toolbox = createToolbox(environmentWith())
const isolation = await toolbox.isolation()
await toolbox.close()
if (isolation !== 'isolated')
  console.warn(`python steps are ${isolation} here: bubblewrap is missing or not allowed; attacks are skipped`)

describe.skipIf(isolation !== 'isolated')('code in the sandbox cannot', () => {
  const python = createCaller('python', environmentWith())
  const dataDir = mkdtempSync(join(tmpdir(), 'transient-sandbox-'))
  const listener = createServer().listen(0, '127.0.0.1')
  let target: Target = { pid: process.pid, port: 0, dataDir, secret }
  beforeAll(() => {
    const address = listener.address()
    target = { ...target, port: typeof address === 'object' && address !== null ? address.port : 0 }
  })
  afterAll(async () => {
    await python.close()
    listener.close()
    rmSync(dataDir, { recursive: true })
  })

  // What is held back takes its time on a machine that has much else to do.
  it.each(ATTACKS)('$name', { timeout: within(120_000) }, async ({ code, expected = 'refused' }) => {
    expect(await python.data({ code: code(target) }, { timeoutMs: 110_000 })).toBe(expected)
  })

  it('take more memory than a step may have, and is told the setting', async () => {
    expect(await python.error({ code: 'result = len(bytearray(2 << 30))' })).toMatch(
      /^TOOL_FAILED: MemoryError .*; a step may use 1024 MiB \(the setting PYTHON_MEMORY_MB\)$/,
    )
  })

  it('reach the network unless the step says so, and is told how', async () => {
    const code = `import socket\nresult = socket.create_connection(("127.0.0.1", ${target.port}), timeout=3).getpeername()[1]`
    expect(await python.error({ code })).toMatch(/Network is unreachable.*network: true$/)
    expect(await python.data({ code, network: true })).toBe(target.port)
  })
})

describe.each(['auto', 'off'] as const)('calls without a network, sandbox %s', (pythonSandbox) => {
  const python = createCaller('python', environmentWith({ pythonSandbox }))
  afterAll(() => python.close())

  it('do not meet over abstract sockets', { timeout: within(120_000) }, async () => {
    if ((await python.run({ code: 'result = 1', network: false })).status === 'error') return
    const name = `\\0transient-${process.pid}-${pythonSandbox}`
    const waiting = python.data({
      code: `import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind("${name}")\ns.listen()\ns.settimeout(5)\ntry:\n  s.accept()\n  result = "met"\nexcept TimeoutError:\n  result = "alone"`,
    })
    const calling = python.data({
      code: `import socket, time\nmet = 0\nfor _ in range(40):\n  s = socket.socket(socket.AF_UNIX)\n  try:\n    s.connect("${name}")\n    met += 1\n  except ConnectionRefusedError: pass\n  time.sleep(0.1)\nresult = met`,
    })
    expect(await Promise.all([waiting, calling])).toEqual(['alone', 0])
  })
})

describe('without a sandbox', () => {
  const python = createCaller('python', environmentWith({ pythonSandbox: 'off', pythonMemoryMib: 256 }))
  afterAll(() => python.close())

  it('limits hold, and nothing of the environment is there', async () => {
    expect(await python.error({ code: 'result = len(bytearray(1 << 30))' })).toMatch(/MemoryError .*may use 256 MiB/)
    expect(await python.data({ code: `import os\nresult = ${JSON.stringify(secret)} in str(os.environ)` })).toBe(false)
    expect(await python.error({ code: 'files = [open("/dev/null") for _ in range(1000)]' })).toMatch(/Too many open files/)
  })

  // A session is what stands back under the kernel's automatic groups.
  it.runIf(process.platform === 'linux')("the server's session is left alone", async () => {
    const sessions = `import os\nresult = [os.getsid(os.getppid()) == os.getppid(), os.getsid(${process.pid}) == os.getppid()]`
    expect(await python.data({ code: sessions })).toEqual([true, false])
  })

  it('says so; and runs nothing where a sandbox is required and cannot be had', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = '/nonexistent'
    const tools = (['auto', 'required'] as const).map((pythonSandbox) =>
      createToolbox(environmentWith({ pythonSandbox, pythonPath: '/usr/bin/python3' })),
    )
    expect(await Promise.all(tools.map((each) => each.isolation()))).toEqual(['not isolated', 'missing'])
    process.env['PATH'] = path
    await Promise.all(tools.map((each) => each.close()))
  })
})
