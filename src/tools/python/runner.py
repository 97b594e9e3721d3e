"""The warm parent of the python tool.

It reads calls from stdin, forks one child for each, and answers on stdout. Requests are a header line and, for
`run`, a payload: `run <id> <bytes>` and `kill <id>`. Answers are a header line and two payloads:
`end <id> <exit> <result bytes> <log bytes>`. The parent never runs code of a call, and never parses a payload.
"""

import errno
import fcntl
import gc
import importlib.util
import os
import selectors
import signal
import socket
import sys

LOG_LIMIT = 64 * 1024
RESULT_LIMIT = 12 * 1024 * 1024
CHUNK = 1 << 16
# Where the server gives a folder of the kernel's groups.
GROUPS_FD = 3
KILLED = str(-signal.SIGKILL)


def load(name):
    # Isolated mode leaves the script's folder out of sys.path, and it stays out: calls import nothing of ours.
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"_transient_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"_transient_{name}"] = module
    spec.loader.exec_module(module)
    return module


load("report")
load("ending")
child = load("child")
group = load("group")
load("memory")
load("seccomp")
load("watcher")
confine = load("confine")


class Call:
    def __init__(self, call_id, pid, group, result_fd, log_fd):
        self.call_id = call_id
        self.group = group
        self.pid = pid
        self.fds = {result_fd: bytearray(), log_fd: bytearray()}
        self.result = self.fds[result_fd]
        self.log = self.fds[log_fd]
        self.log_fd = log_fd
        self.status_fd = None
        self.is_over_limit = False


class Parent:
    def __init__(self, confinement):
        self.confinement = confinement
        self.selector = selectors.DefaultSelector()
        self.calls = {}
        self.requests = bytearray()
        self.is_open = True
        # What a call prints must never reach the protocol's channel: stdout itself is led elsewhere.
        self.answers = os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        self.requests_fd = os.dup(0)
        os.dup2(null, 0)
        os.close(null)

    def serve(self):
        wake_read, wake_write = os.pipe()
        for fd in (wake_read, wake_write, self.requests_fd):
            set_nonblocking(fd)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.selector.register(self.requests_fd, selectors.EVENT_READ)
        self.selector.register(wake_read, selectors.EVENT_READ)
        while self.is_open:
            for key, _ in self.selector.select():
                if key.fd == self.requests_fd:
                    self.read_requests()
                elif key.fd == wake_read:
                    read_available(wake_read)
                    self.reap()
                elif key.data is not None:
                    self.read_child(key.data, key.fd)
        self.end_all()

    def end_all(self):
        for pid in self.calls:
            kill_group(pid)
        # What a call left behind becomes a child of this process only when the call itself is gone.
        for pid in self.calls:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
        child.kill_orphans({})

    def read_requests(self):
        chunk, is_ended = read_available(self.requests_fd)
        self.requests += chunk
        while True:
            end = self.requests.find(b"\n")
            if end < 0:
                break
            words = bytes(self.requests[:end]).split()
            if words[0] == b"kill":
                del self.requests[: end + 1]
                self.kill(words[1].decode())
                continue
            size = int(words[2])
            if len(self.requests) < end + 1 + size:
                break
            payload = bytes(self.requests[end + 1 : end + 1 + size])
            del self.requests[: end + 1 + size]
            self.run(words[1].decode(), payload)
        if is_ended:
            self.is_open = False

    def run(self, call_id, payload):
        parent_pid = os.getpid()
        pipes = [os.pipe() for _ in range(3)]
        (result_read, result_write), (log_read, log_write), (status_read, status_write) = pipes
        groups = self.confinement.groups
        own_group = None if groups is None else call_id
        try:
            user = self.confinement.user_of_next_call()
            if groups is not None:
                groups.make(own_group)
            pid = self.confinement.fork()
        except (OSError, confine.Refused) as error:
            for pipe in pipes:
                os.close(pipe[0])
                os.close(pipe[1])
            if groups is not None:
                groups.remove(own_group)
            reason = os.strerror(error.errno) if isinstance(error, OSError) else str(error)
            self.answer(call_id, "fork", reason.encode(), b"")
            return
        if pid == 0:
            self.forget()
            if self.confinement.has_namespaces:
                supervise(self.confinement, user, own_group, payload, (result_write, log_write), status_write)
            child.run(payload, (result_write, log_write), confine.Room(self.confinement, user, parent_pid, group=own_group))
        for fd in (result_write, log_write, status_write):
            os.close(fd)
        call = Call(call_id, pid, own_group, result_read, log_read)
        call.status_fd = status_read
        self.calls[pid] = call
        for fd in call.fds:
            set_nonblocking(fd)
            self.selector.register(fd, selectors.EVENT_READ, call)

    def forget(self):
        """In a child: what other calls sent and were sent is none of its business."""
        for buffer in [self.requests, *(kept for call in self.calls.values() for kept in (call.result, call.log))]:
            buffer[:] = bytes(len(buffer))
        self.calls.clear()

    def kill(self, call_id):
        for call in self.calls.values():
            if call.call_id == call_id:
                kill_group(call.pid)

    def read_child(self, call, fd):
        if fd not in call.fds:
            return
        chunk, is_ended = read_some(fd)
        self.keep(call, fd, chunk)
        if is_ended:
            self.selector.unregister(fd)
            os.close(fd)
            del call.fds[fd]

    def keep(self, call, fd, chunk):
        buffer = call.fds[fd]
        buffer += chunk
        if fd == call.log_fd:
            if len(buffer) > 2 * LOG_LIMIT:
                del buffer[:-LOG_LIMIT]
        elif len(buffer) > RESULT_LIMIT:
            call.is_over_limit = True
            buffer.clear()
            kill_group(call.pid)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            call = self.calls.pop(pid, None)
            if call is None:
                continue
            kill_group(pid)
            for fd in list(call.fds):
                self.keep(call, fd, read_available(fd, RESULT_LIMIT)[0])
                self.selector.unregister(fd)
                os.close(fd)
            # The same round of events may still hold these descriptors.
            call.fds.clear()
            words = self.status_of(call, status).split(" ", 1)
            result = bytes(call.result) if len(words) == 1 else words[1].encode()
            self.answer(call.call_id, words[0], result, bytes(call.log[-LOG_LIMIT:]))
        child.kill_orphans(self.calls)

    def status_of(self, call, status):
        """How the call ended: as the first of its processes says, where it has one."""
        told = os.read(call.status_fd, 1000).decode() or str(os.waitstatus_to_exitcode(status))
        os.close(call.status_fd)
        if call.group is not None:
            if told == KILLED and self.confinement.groups.is_exceeded(call.group):
                told = "memory"
            self.confinement.groups.remove(call.group)
        return "limit" if call.is_over_limit else told

    def answer(self, call_id, code, result, log):
        header = f"end {call_id} {code} {len(result)} {len(log)}\n".encode()
        view = memoryview(header + result + log)
        while view:
            try:
                view = view[os.write(self.answers, view) :]
            except BrokenPipeError:
                self.is_open = False
                return


def supervise(confinement, user, own_group, payload, pipes, status_fd):
    """The first process of a call: makes its room, and ends all that is in it when the code has ended. Never returns."""
    told = "fork unknown"
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        confinement.make_room(user, own_group)
        askers, asking = socket.socketpair()
        worker = os.fork()
        if worker == 0:
            child.run(payload, pipes, confine.Room(confinement, user, 1, asking.detach()))
        asking.close()
        for fd in pipes:
            os.close(fd)
        told = confinement.watch(worker, user, own_group, askers)
    except (OSError, confine.Refused) as error:
        told = f"fork {error}"
    finally:
        os.write(status_fd, told.encode())
        os._exit(0)


def kill_group(pid):
    # The child makes its own group first thing; until then its pid alone names it.
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def read_some(fd):
    try:
        chunk = os.read(fd, CHUNK)
    except OSError as error:
        return b"", error.errno not in (errno.EAGAIN, errno.EINTR)
    return chunk, chunk == b""


def read_available(fd, limit=1 << 62):
    chunks = []
    size = 0
    while size <= limit:
        chunk, is_ended = read_some(fd)
        if not chunk:
            return b"".join(chunks), is_ended
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks), False


def set_nonblocking(fd):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)


if __name__ == "__main__":
    mode, memory_mib, network, group_version = sys.argv[1:5]
    child.become_subreaper()
    child.clean_environment()
    memory_bytes = int(memory_mib) * confine.MIB
    groups = None if group_version == "0" else group.Groups(group_version, GROUPS_FD, memory_bytes)
    confinement = confine.Confinement(mode, int(memory_mib), network == "open", groups)
    gc.freeze()
    Parent(confinement).serve()
