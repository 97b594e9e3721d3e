"""A process that runs calls: as the warm parent sees it, with its pipes, what came through them, and whether another call may follow; and
its supervisor, where it is in a room of its own."""

import fcntl
import os
import signal
import socket
import sys

buffer = sys.modules["_transient_buffer"]
child = sys.modules["_transient_child"]
confine = sys.modules["_transient_confine"]
watcher = sys.modules["_transient_watcher"]

LOG_LIMIT = 64 * 1024
RESULT_LIMIT = 12 * 1024 * 1024
HEADER_LIMIT = 40


class Process:
    """`name` is the id of its first call, `call_id` that of the one that it runs; None while it waits for the next. Calls go to
    `requests_fd`; `begun_fd` tells its supervisor that another begins, where it `is_for_more`."""

    def __init__(self, name, pid, group, is_for_more, fds):
        self.name = self.call_id = name
        self.pid = pid
        self.group = group
        self.is_for_more = is_for_more
        result_fd, self.log_fd, self.status_fd, self.requests_fd, self.begun_fd = fds
        self.result, self.log, self.unsent = buffer.Buffer(), buffer.Buffer(), buffer.Buffer()
        self.received = {result_fd: self.result, self.log_fd: self.log}
        self.is_ready = not is_for_more
        self.is_over_limit = False
        self.is_spoilt = False

    def read(self, fd):
        """Returns whether there will be no more."""
        is_ended = self.received[fd].read_from(fd)
        self.look()
        return is_ended

    def read_rest(self):
        for fd, received in self.received.items():
            received.read_all_from(fd, RESULT_LIMIT)
        self.look()

    def look(self):
        if not self.is_ready and self.result.find_line(HEADER_LIMIT) == len(child.READY):
            self.is_ready = True
            self.result.drop(len(child.READY) + 1)
        if len(self.log) > 2 * LOG_LIMIT:
            self.log.drop(len(self.log) - LOG_LIMIT)
        if len(self.result) > RESULT_LIMIT:
            self.is_over_limit = True
            self.result.drop(len(self.result))
            self.kill()

    def send(self, payload):
        """What is not taken at once waits in `unsent`."""
        header = f"{self.call_id} {len(payload)}\n".encode()
        sent = buffer.send_some(self.requests_fd, [header, payload])
        if sent < len(header) + len(payload):
            self.unsent.add(header[sent:])
            self.unsent.add(payload[max(0, sent - len(header)) :])

    def send_next(self, call_id, payload):
        self.call_id = call_id
        if self.begun_fd is not None:
            buffer.send_some(self.begun_fd, [b"."])
        self.send(payload)

    def find_answer(self):
        """Where the answer to the call is in `result`, when it is whole and another call may follow; else None, also where the
        process ends after it."""
        word, size, start = self.header()
        if start == 0 or (word == child.LAST and len(self.result) <= start + size):
            return None
        if word != child.MORE or len(self.result) > start + size:
            # Somebody else wrote into it, too.
            self.is_spoilt = True
            self.kill()
            return None
        return (start, start + size) if len(self.result) == start + size else None

    def find_last_answer(self):
        """The same for a process that has ended."""
        word, size, start = self.header()
        if len(self.result) > 0 and (word not in (child.LAST, child.MORE) or len(self.result) > start + size):
            self.is_spoilt = True
        return start, len(self.result)

    def header(self):
        """The word that the answer to the call begins with, its size, and where both end: 0 while they are not there yet."""
        end = self.result.find_line(HEADER_LIMIT)
        if end < 0:
            return None, 0, 0 if len(self.result) < HEADER_LIMIT else HEADER_LIMIT
        word, _, rest = self.result.text(end).partition(b" ")
        call_id, _, size = rest.partition(b" ")
        # What the code writes there itself is no answer, nor is one to another call.
        is_own = size.isdigit() and call_id == str(self.call_id).encode()
        return (word, int(size), end + 1) if is_own else (None, 0, end + 1)

    def is_alone(self, has_supervisor):
        """Whether all that it started has ended: the code could make the process itself overlook something."""
        try:
            pid = self.pid
            if has_supervisor:
                # What loses its parent becomes the supervisor's.
                (pid,) = child.children_of(pid)
            return child.children_of(pid) == []
        except (OSError, ValueError):
            return False

    def kill(self):
        # A child makes its own group first thing; until then its pid alone names it.
        for kill in (os.killpg, os.kill):
            try:
                kill(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass

    def forget(self):
        for each in (self.result, self.log, self.unsent):
            each.forget()

    def close(self):
        """Once it has ended, and all that is said of it."""
        for fd in (self.status_fd, self.requests_fd, self.begun_fd):
            if fd is not None:
                os.close(fd)
        # The same round of events may still hold these descriptors.
        self.received, self.requests_fd = {}, None
        for each in (self.result, self.log, self.unsent):
            each.close()


def supervise(confinement, user, own_group, pipes, status_fd, begun_fd):
    """The first of a process' processes: makes its room, and ends all that is in it when the code has ended. Never returns."""
    told = "fork unknown"
    try:
        if begun_fd is not None:
            set_nonblocking(begun_fd)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        confinement.make_room(user, own_group)
        askers, asking = socket.socketpair()
        worker = os.fork()
        if worker == 0:
            child.run(pipes, confine.Room(confinement, user, 1, asking.detach()))
        asking.close()
        for fd in (pipes.result, pipes.log, pipes.calls):
            os.close(fd)
        told = confinement.watch(worker, user, own_group, watcher.Channels(askers, begun_fd))
    except (OSError, confine.Refused) as error:
        told = f"fork {error}"
    finally:
        os.write(status_fd, told.encode())
        os._exit(0)


def set_nonblocking(fd):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
