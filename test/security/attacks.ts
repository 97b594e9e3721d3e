/** What an attack knows of the server that runs it. */
export interface Target {
  readonly pid: number
  readonly port: number
  readonly dataDir: string
  /** In the server's environment, and nowhere else. */
  readonly secret: string
}

export interface Attack {
  readonly name: string
  /** Python that leaves `"refused"` (or another expected word) in `result`. */
  readonly code: (target: Target) => string
  readonly expected?: string
}

const q = JSON.stringify
/** Runs a statement that must fail. */
const mustFail = (statement: string, setUp = ''): string =>
  `import ctypes, os, socket\nlibc = ctypes.CDLL(None, use_errno=True)\n${setUp}\ntry:\n  ${statement}\n  result = "done"\nexcept OSError as e:\n  result = "refused"\n`

/** What code in the sandbox must not be able to do. Each is one call, and takes milliseconds. */
export const ATTACKS: readonly Attack[] = [
  { name: 'read the passwords of the machine', code: () => mustFail('open("/etc/shadow").read()') },
  { name: "list the server's data", code: ({ dataDir }) => mustFail(`os.listdir(${q(dataDir)})`) },
  { name: 'list the home of root', code: () => mustFail('os.listdir("/root/.ssh") if os.listdir("/root") else open("/none")') },
  {
    name: 'find a secret in the environment of any process',
    code: ({ secret }) => `import os
found = 0
for pid in [p for p in os.listdir("/proc") if p.isdigit()] + ["self"]:
  for name in ("environ", "cmdline"):
    try:
      found += ${q(secret)}[::-1] in open(f"/proc/{pid}/{name}", errors="replace").read()[::-1]
    except OSError:
      pass
result = "refused" if not found and ${q(secret)} not in str(os.environ) else "found"`,
  },
  {
    name: 'see other processes',
    code: () =>
      'import os\nresult = "refused" if len([p for p in os.listdir("/proc") if p.isdigit()]) <= 2 else str(os.listdir("/proc"))',
  },
  { name: 'stop the server', code: ({ pid }) => mustFail(`os.kill(${pid}, 9)`) },
  { name: 'stop all it sees', code: () => 'import os\ntry:\n  os.kill(-1, 9)\nexcept OSError: pass\nresult = "refused"' },
  { name: 'stop the first process', code: () => 'import os\ntry:\n  os.kill(1, 9)\nexcept OSError: pass\nresult = "refused"' },
  {
    name: "connect to the server's port",
    code: ({ port }) => mustFail(`socket.create_connection(("127.0.0.1", ${port}), timeout=3)`),
  },
  { name: 'connect anywhere', code: () => mustFail('socket.create_connection(("1.1.1.1", 53), timeout=3)') },
  { name: 'look up a name', code: () => mustFail('socket.getaddrinfo("example.com", 80)') },
  { name: "connect to the virtual machine's host", code: () => mustFail('socket.socket(40, socket.SOCK_STREAM)') },
  {
    name: 'write anywhere but tmp',
    code: ({ dataDir }) => `import os
places = ["/", "/usr", "/usr/bin", "/usr/local", "/etc", "/var", "/var/tmp", "/dev", "/home", "/root", "/run", "/opt", "/proc/sys/kernel", "/run/transient", ${q(dataDir)}, os.path.dirname(os.__file__)]
written = []
for place in places:
  try:
    with open(place + "/attack", "w") as file: file.write("x")
    written.append(place)
  except OSError: pass
open("/tmp/mine", "w").write("x")
result = "refused" if not written and os.getcwd() == "/tmp" else str(written)`,
  },
  {
    name: 'find what another call left in tmp',
    code: () =>
      'import os\nresult = "refused" if os.listdir("/tmp") == [] == os.listdir("/dev/shm") else str(os.listdir("/tmp"))',
  },
  { name: 'become root', code: () => mustFail('os.setuid(0)') },
  { name: 'be root', code: () => 'import os\nresult = "refused" if os.getuid() and os.geteuid() and os.getgid() else "root"' },
  {
    name: 'hold a capability',
    code: () =>
      'caps = [l.split()[1] for l in open("/proc/self/status") if l.startswith(("CapPrm", "CapEff", "CapInh", "CapAmb"))]\nresult = "refused" if set(caps) == {"0" * 16} else str(caps)',
  },
  {
    name: 'trace another process',
    code: () => mustFail('if libc.ptrace(16, os.getppid(), 0, 0) != 0: raise OSError("no")'),
  },
  { name: 'make a namespace', code: () => mustFail('if libc.unshare(0x10000000) != 0: raise OSError("no")') },
  { name: 'mount', code: () => mustFail('if libc.mount(b"t", b"/tmp", b"tmpfs", 0, None) != 0: raise OSError("no")') },
  { name: 'hold uncounted memory', code: () => mustFail('os.memfd_create("x")') },
  {
    name: 'send messages over netlink, in memory that nobody counts',
    code: () => mustFail('socket.socket(16, socket.SOCK_RAW, 2)'),
  },
  {
    name: 'have larger buffers of sockets',
    code: () =>
      'import socket\na, b = socket.socketpair()\nbefore = a.getsockopt(1, 7)\na.setsockopt(1, 7, 4 << 20)\nresult = "refused" if a.getsockopt(1, 7) == before else "larger"',
  },
  {
    name: 'put memory into pipes',
    code: () =>
      mustFail(
        'if libc.syscall({"x86_64": 278, "aarch64": 75}[os.uname().machine], os.pipe()[1], 0, 0, 0) != 0: raise OSError("no")',
      ),
  },
  { name: 'share memory between calls', code: () => mustFail('if libc.shmget(1, 4096, 0o1666) == -1: raise OSError("no")') },
  {
    name: 'fill the disk',
    code: () => mustFail('os.posix_fallocate(os.open("/tmp/big", os.O_CREAT | os.O_WRONLY), 0, 200 << 20)'),
  },
  { name: 'open many files', code: () => mustFail('[open("/dev/null") for _ in range(1000)]') },
  {
    name: 'run more than 64 processes',
    code: () => `import os, signal
pids = []
try:
  while len(pids) < 200:
    pid = os.fork()
    if pid == 0: signal.pause()
    pids.append(pid)
  result = "200 run"
except OSError:
  result = "refused" if 30 < len(pids) < 64 else str(len(pids))`,
  },
  {
    name: 'begin many sessions, each worth as much of the processors as the server',
    code: () => `import os
begun = 0
for _ in range(40):
  pid = os.fork()
  if pid == 0:
    try: os.setsid()
    except OSError: os._exit(1)
    os._exit(0)
  begun += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
result = "refused" if begun == 8 else str(begun)`,
  },
  {
    name: 'keep its place before the server while it computes',
    code: () => `import os, time
began = time.process_time()
while time.process_time() - began < 0.5: pass
time.sleep(0.3)
group = open("/proc/self/autogroup").read().split()[-1] if os.path.exists("/proc/self/autogroup") else "18"
result = "refused" if os.nice(0) == 18 and group == "18" else f"{os.nice(0)} {group}"`,
  },
  {
    name: 'ask for quicker turns at the processors',
    code: () =>
      mustFail(
        'call = {"x86_64": 314, "aarch64": 274}[os.uname().machine]\n  turn = __import__("struct").pack("IIQiI3Q", 48, 0, 8, os.nice(0), 0, 100_000, 0, 0)\n  if libc.syscall(call, 0, turn, 0) != 0: raise OSError("no")',
      ),
  },
  {
    name: 'raise a limit',
    code: () =>
      'import resource\ntry:\n  resource.setrlimit(resource.RLIMIT_NPROC, (-1, -1))\n  result = "done"\nexcept (ValueError, OSError):\n  result = "refused"',
  },
  {
    name: 'find what other calls were sent',
    code: () => `import gc
kept = [o for o in gc.get_objects() if type(o).__name__ == "Buffer"]
result = "refused" if not any(any(each.map[:]) for each in kept) else "found"`,
  },
]
