import { existsSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { stringifyJson } from '../../src/core/json.js'
import { createToolbox } from '../../src/tools/index.js'
import { type CallEnd, startForkServer } from '../../src/tools/python/fork-server.js'
import { findInterpreter } from '../../src/tools/python/interpreter.js'
import { type MemoryGroup, openMemoryGroup } from '../../src/tools/python/memory-group.js'
import { commandOf, modesOf } from '../../src/tools/python/sandbox.js'
import { within } from '../support/pace.js'
import { environmentWith } from './call.js'

const MEMORY_MIB = 128
/** More than a call may hold, by far. */
const PIECES = 16
const PIECE = '32 << 20'

/** Holds pieces of shared memory, each in the way given. */
const pieces = (setUp: string, each: string) =>
  `import ctypes, mmap, os, socket\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\nlibc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]\n` +
  `kept, size = [], ${PIECE}\n${setUp}\nfor n in range(${PIECES}):\n  ${each.replaceAll('\n', '\n  ')}\nresult = "held"`
const touched = 'for at in range(0, size, 4096): m[at] = 1\nm.madvise(mmap.MADV_DONTNEED)\nkept.append(m)'
const filled = (open: string) =>
  `import os, socket, time\n${open}\ndef fill(s):\n  s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)\n  s.setblocking(False)\n  try:\n    while True: s.send(b"x" * 65536)\n  except OSError: pass\n`

/** Ways to hold memory that is in no process's view. */
const HIDDEN: Record<string, string> = {
  'shared memory that nobody has touched since': pieces('', `m = mmap.mmap(-1, size)\n${touched}`),
  'the zero device': pieces('fd = os.open("/dev/zero", os.O_RDWR)', `m = mmap.mmap(fd, size)\n${touched}`),
  'shared memory of which a page is still mapped': pieces(
    '',
    'at = libc.mmap(None, ctypes.c_size_t(size), 3, 0x21, -1, ctypes.c_long(0))\nif at in (None, 2**64 - 1): raise MemoryError("mmap")\nctypes.memset(at, 1, size)\nlibc.munmap(at + 4096, size - 4096)',
  ),
  'shared memory of processes that have ended': pieces(
    '',
    'm = mmap.mmap(-1, size)\nif os.fork() == 0:\n  m[:] = b"x" * size\n  os._exit(0)\nos.wait()\nkept.append(m)',
  ),
  'buffers of sockets of many processes': `${filled('pids = []')}
for _ in range(8):
  pid = os.fork()
  if pid == 0:
    kept = []
    try:
      while True:
        kept.append(socket.socketpair())
        fill(kept[-1][0])
    except OSError: time.sleep(60)
    os._exit(0)
  pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
result = "held"`,
  'connections that nobody accepts': `${filled('s = socket.socket(socket.AF_UNIX)\ns.bind("\\0x")\ns.listen(4096)')}
for _ in range(4000):
  c = socket.socket(socket.AF_UNIX)
  c.connect("\\0x")
  fill(c)
  c.close()
time.sleep(60)
result = "held"`,
}

const GROUPED_ONLY: Record<string, string> = {
  'files in tmp and a list': `kept = []
for place in ("/tmp", "/dev/shm"): open(f"{place}/f", "wb").write(b"x" * (60 << 20))
kept = [bytearray(1 << 20) for _ in range(100)]
result = "held"`,
}

const FINE: Record<string, string> = {
  'shared memory again and again': `import mmap
for _ in range(24):
  m = mmap.mmap(-1, 32 << 20)
  m[: 1 << 20] = b"x" * (1 << 20)
  m.close()
result = "held"`,
  'shared memory for a while, after what was given back': `import mmap, time
for _ in range(8):
  m = mmap.mmap(-1, 32 << 20)
  m[: 1 << 20] = b"x" * (1 << 20)
  time.sleep(0.2)
  m.close()
result = "held"`,
  'shared memory and sockets of several processes': `import mmap, multiprocessing, os
m = mmap.mmap(-1, 32 << 20)
m[:] = b"x" * len(m)
fork = multiprocessing.get_context("fork")
pipes = [fork.Pipe() for _ in range(16)]
def read(n): return m[n]
with fork.Pool(4) as pool: total = sum(pool.map(read, range(8)))
result = "held" if total == 8 * 120 else total`,
}

const toolbox = createToolbox(environmentWith())
const isIsolated = (await toolbox.isolation()) === 'isolated'
await toolbox.close()
const interpreter = await findInterpreter('python3')
const first = openMemoryGroup()
if (first === null) console.warn("the kernel's groups of memory cannot be had here: calls are watched only")
first?.closeDescriptor()
await first?.remove()

describe.skipIf(!isIsolated).each([
  ['watched', false],
  ['in a group of the kernel', true],
] as const)('the memory of a call, %s', { timeout: within(240_000) }, (_name, isGrouped) => {
  if (interpreter === null || (isGrouped && first === null)) return it.skip('cannot be had here')
  const group: MemoryGroup | null = isGrouped ? openMemoryGroup() : null
  const options = { mode: modesOf()[0] ?? 'plain', interpreter, isNetworkOpen: false, memoryMib: MEMORY_MIB, group }
  const parent = startForkServer(commandOf(options), group)
  afterAll(() => parent.close())
  let nextId = 0
  const run = (code: string): Promise<CallEnd> =>
    parent.run(String(nextId++), stringifyJson({ code, args: {}, libs: {}, context: {}, network: null, idempotency_key: '' }))

  it.each(Object.entries({ ...HIDDEN, ...(isGrouped ? GROUPED_ONLY : {}) }))('ends with %s', async (_kind, code) => {
    const end = await run(code)
    // Refusing is as good as ending the call.
    if (end.exit === 0) expect(end.result).toMatch(/MemoryError|Cannot allocate memory/)
    else expect(['memory', 'sockets']).toContain(end.exit)
  })

  it.each(Object.entries(FINE))('has room for %s', async (_kind, code) => {
    expect(await run(code)).toMatchObject({ exit: 0, result: '{"value":"held"}' })
  })

  it('leaves no group behind', async () => {
    expect(await run('result = 1')).toMatchObject({ exit: 0 })
    await parent.close()
    if (group !== null) expect(existsSync(group.folder)).toBe(false)
  })
})
