"""The warm parent of the python tool.

It reads calls from stdin, forks a process for a call, or for the calls of one step, and answers on stdout. Requests are a header line
and a payload: `run <id> <bytes>` starts a process for one call, `open <id> <bytes>` one that more calls may follow in, each by
`next <id of the first call> <id> <bytes>`; `kill <id of the first call>` has no payload. Answers are a header line and two payloads,
`end <id> <exit> <result bytes> <log bytes> <kept or ended>`; `ready <id of the first call>` says that a process for more begins with
its first, `gone <id of the first call>` that one which was kept has ended.
The parent never runs code of a call, and never parses a payload.
"""

import gc
import importlib.util
import os
import selectors
import signal
import sys

# Where the server gives a folder of the kernel's groups.
GROUPS_FD = 3
HEADER_LIMIT = 200
READ_AT_ONCE = 1 << 22
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
load("state")
buffer = load("buffer")
child = load("child")
group = load("group")
load("memory")
load("seccomp")
load("watcher")
confine = load("confine")
process = load("process")


class Parent:
    def __init__(self, confinement):
        self.confinement = confinement
        self.selector = selectors.DefaultSelector()
        self.processes = {}
        self.requests = buffer.Buffer()
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
            process.set_nonblocking(fd)
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
                    os.read(wake_read, 4096)
                    self.reap()
                elif key.fd in key.data.received:
                    self.read_process(key.data, key.fd)
                elif key.fd == key.data.requests_fd:
                    self.send_more(key.data)
        self.end_all()

    def end_all(self):
        for each in self.processes.values():
            each.kill()
        # What a call left behind becomes a child of this process only when the call itself is gone.
        for pid in self.processes:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
        child.kill_orphans({})

    def read_requests(self):
        is_ended = self.requests.read_all_from(self.requests_fd, READ_AT_ONCE)
        while (end := self.requests.find_line(HEADER_LIMIT)) >= 0:
            word, name, *others = self.requests.text(end).decode().split()
            size = 0 if word == "kill" else int(others[-1])
            if len(self.requests) < end + 1 + size:
                break
            with self.requests.part(end + 1, end + 1 + size) as payload:
                if word == "kill":
                    self.kill(name)
                elif word == "next":
                    self.begin_next(name, others[0], payload)
                else:
                    self.start(name, payload, word == "open")
            self.requests.drop(end + 1 + size)
        if is_ended:
            self.is_open = False

    def start(self, name, payload, is_for_more):
        parent_pid = os.getpid()
        has_supervisor = self.confinement.has_namespaces
        # For the result, the log, the status, the calls; and for word to the supervisor that another begins.
        reads, writes = zip(*(os.pipe() for _ in range(5 if is_for_more and has_supervisor else 4)))
        groups = self.confinement.groups
        own_group = None if groups is None else name
        try:
            user = self.confinement.user_of_next_call()
            if groups is not None:
                groups.make(own_group)
            pid = self.confinement.fork()
        except (OSError, confine.Refused) as error:
            for fd in reads + writes:
                os.close(fd)
            if groups is not None:
                groups.remove(own_group)
            reason = os.strerror(error.errno) if isinstance(error, OSError) else str(error)
            self.answer(name, "fork", [reason.encode(), b""])
            return
        begun_read, begun_write = (*reads[4:], None)[0], (*writes[4:], None)[0]
        if pid == 0:
            self.forget()
            pipes = child.Pipes(result=writes[0], log=writes[1], calls=reads[3], is_for_more=is_for_more)
            if has_supervisor:
                process.supervise(self.confinement, user, own_group, pipes, writes[2], begun_read)
            child.run(pipes, confine.Room(self.confinement, user, parent_pid, group=own_group))
        for fd in (*writes[:3], *reads[3:]):
            os.close(fd)
        started = process.Process(name, pid, own_group, is_for_more, (*reads[:3], writes[3], begun_write))
        self.processes[pid] = started
        for fd in (*reads[:2], *writes[3:]):
            process.set_nonblocking(fd)
        for fd in started.received:
            self.selector.register(fd, selectors.EVENT_READ, started)
        started.send(payload)
        self.send_later(started)

    def begin_next(self, name, call_id, payload):
        found = self.find(name)
        if found is None:
            self.answer(call_id, "gone", [b"", b""])
            return
        found.send_next(call_id, payload)
        self.send_later(found)

    def send_later(self, to):
        if len(to.unsent) > 0:
            self.selector.register(to.requests_fd, selectors.EVENT_WRITE, to)

    def send_more(self, to):
        to.unsent.write_to(to.requests_fd)
        if len(to.unsent) == 0:
            self.selector.unregister(to.requests_fd)

    def forget(self):
        """In a child: what other calls sent and were sent is none of its business."""
        for each in (self.requests, *self.processes.values()):
            each.forget()

    def find(self, name):
        return next((each for each in self.processes.values() if each.name == name), None)

    def kill(self, name):
        found = self.find(name)
        if found is not None:
            found.kill()

    def read_process(self, sender, fd):
        was_ready = sender.is_ready
        is_ended = sender.read(fd)
        if sender.is_ready and not was_ready:
            self.write([f"ready {sender.name}\n".encode()])
        if is_ended:
            self.forget_fd(fd)
            del sender.received[fd]
        elif fd != sender.log_fd and sender.is_for_more:
            found = sender.find_answer()
            if found is not None:
                self.end_call(sender, found)

    def end_call(self, sender, found):
        """Of a process that says that all is as it was before the call."""
        sender.log.read_all_from(sender.log_fd, process.RESULT_LIMIT)
        groups = self.confinement.groups
        is_exceeded = sender.group is not None and groups.is_exceeded(sender.group)
        is_kept = not is_exceeded and sender.is_alone(self.confinement.has_namespaces)
        call_id, sender.call_id = sender.call_id, None
        if not is_kept:
            sender.kill()
        self.answer_from(sender, call_id, "0", found, is_kept)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            ended = self.processes.pop(pid, None)
            if ended is None:
                continue
            ended.kill()
            ended.read_rest()
            for fd in list(ended.received):
                self.forget_fd(fd)
            if len(ended.unsent) > 0:
                self.selector.unregister(ended.requests_fd)
            found = ended.find_last_answer()
            code, _, reason = self.status_of(ended, status).partition(" ")
            if ended.call_id is None:
                self.write([f"gone {ended.name}\n".encode()])
            elif reason:
                self.answer(ended.call_id, code, [reason.encode(), b""])
            else:
                self.answer_from(ended, ended.call_id, code, found)
            ended.close()
        child.kill_orphans(self.processes)

    def forget_fd(self, fd):
        self.selector.unregister(fd)
        os.close(fd)

    def status_of(self, ended, status):
        """How it ended: as its supervisor says, where it has one."""
        told = os.read(ended.status_fd, 1000).decode() or str(os.waitstatus_to_exitcode(status))
        if ended.group is not None:
            if told == KILLED and self.confinement.groups.is_exceeded(ended.group):
                told = "memory"
            self.confinement.groups.remove(ended.group)
        if ended.is_over_limit:
            return "limit"
        return "spoilt" if ended.is_spoilt else told

    def answer_from(self, sender, call_id, code, found, is_kept=False):
        start = max(0, len(sender.log) - process.LOG_LIMIT)
        with sender.result.part(*found) as result, sender.log.part(start, len(sender.log)) as log:
            self.answer(call_id, code, [result, log], is_kept)
        sender.result.drop(len(sender.result))
        sender.log.drop(len(sender.log))

    def answer(self, call_id, code, payloads, is_kept=False):
        result, log = payloads
        self.write([f"end {call_id} {code} {len(result)} {len(log)} {'kept' if is_kept else 'ended'}\n".encode(), result, log])

    def write(self, parts):
        left = [part for part in parts if len(part) > 0]
        while left:
            try:
                count = os.writev(self.answers, left)
            except BrokenPipeError:
                self.is_open = False
                return
            while left and count >= len(left[0]):
                count -= len(left.pop(0))
            if left:
                left[0] = memoryview(left[0])[count:]


if __name__ == "__main__":
    mode, memory_mib, network, group_version = sys.argv[1:5]
    child.become_subreaper()
    child.clean_environment()
    memory_bytes = int(memory_mib) * confine.MIB
    groups = None if group_version == "0" else group.Groups(group_version, GROUPS_FD, memory_bytes)
    confinement = confine.Confinement(mode, int(memory_mib), network == "open", groups)
    gc.freeze()
    Parent(confinement).serve()
