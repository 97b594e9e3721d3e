"""The first process of a call looks after the others: it ends them when they hold too much memory, and makes them stand back
behind the rest of the machine when they take much of its processors."""

import collections
import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time

memory = sys.modules["_transient_memory"]
seccomp = sys.modules["_transient_seccomp"]

LOOK_SECONDS = 0.05
# A look takes milliseconds of a processor: once a call stands back, there is less to be in a hurry about.
HEAVY_LOOK_SECONDS = 0.2
# A call that has used so much, or has so many processes, is no short step any more.
HEAVY_CPU_SECONDS = 0.08
HEAVY_NICE = 18
CROWD = 8
CROWD_NICE = 19
# How many sessions a call may begin, and how soon those are looked at.
SESSIONS = 8
SESSION_LOOK_SECONDS = 0.002
# Of struct seccomp_notif and seccomp_notif_resp.
ASKED = "QIIiIQ6Q"
ANSWERED = "QqiI"
RECEIVE, SEND = 0xC0502100, 0xC0182101
GO_ON = 1
REFUSED = -1
TICKS = os.sysconf("SC_CLK_TCK")


# The socket on which the worker hands over the descriptor to be asked on; and the pipe with a byte for each call that begins after the
# first, None where there is no other.
Channels = collections.namedtuple("Channels", "askers begun_fd")


class Watcher:
    """`worker` runs the code, as `user` where it has one of its own. `memory` says when a call has more than it may, and
    `are_sockets_own` whether the sockets of this network are the call's alone."""

    def __init__(self, worker, user, memory, are_sockets_own):
        self.worker = worker
        self.user = user
        self.memory = memory
        self.are_sockets_own = are_sockets_own
        self.is_heavy = False
        self.is_crowd = False
        self.sessions = 0
        self.begun_fd = None
        # Of the call that runs: from when on its processor time counts, at the latest look before it began.
        self.cpu_before = self.cpu_at_look = 0
        self.stopped = []
        self.look_at = time.monotonic() + LOOK_SECONDS

    def watch(self, channels):
        """Waits for the worker. Returns its status, or what it has too much of: `memory`, `sockets`."""
        askers, self.begun_fd = channels
        woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        poll.register(askers, select.POLLIN)
        while True:
            status = self.reap()
            if status is not None:
                return status
            # Processes that end all the time, or ask, must not put off the look.
            left = self.look_at - time.monotonic()
            if left <= 0:
                self.begin_call()
                if self.memory.is_exceeded():
                    return "memory"
                if self.are_sockets_own and memory.sockets() > memory.SOCKETS:
                    return "sockets"
                self.hold_back()
                self.look_at = time.monotonic() + self.pause()
            for fd, event in poll.poll(max(0, left) * 1000):
                if fd == woken:
                    os.read(woken, 4096)
                elif fd == askers.fileno():
                    poll.unregister(askers)
                    listener = received(askers)
                    if listener is not None:
                        poll.register(listener, select.POLLIN)
                elif event & select.POLLIN:
                    self.answer(fd)
                else:
                    # All who could ask have ended.
                    poll.unregister(fd)

    def pause(self):
        if self.stopped:
            return SESSION_LOOK_SECONDS
        return HEAVY_LOOK_SECONDS if self.is_heavy else LOOK_SECONDS

    def begin_call(self):
        """Each call may use a processor so long, and begin so many sessions. Niceness cannot go back: a process that was heavy once
        stands back in its further calls, too."""
        try:
            if self.begun_fd is not None and os.read(self.begun_fd, 65536):
                self.sessions = 0
                self.cpu_before = self.cpu_at_look
        except BlockingIOError:
            pass

    def answer(self, listener):
        """A process asks for shared memory, or whether it may begin a session. There it is stopped until the session is held
        back: the kernel may give a new one as much as the server has."""
        asked = bytearray(struct.calcsize(ASKED))
        try:
            fcntl.ioctl(listener, RECEIVE, asked)
            question, pid, _, number, _, _, *arguments = struct.unpack(ASKED, asked)
            self.begin_call()
            is_session = number == seccomp.MACHINE["setsid"]
            is_granted = self.sessions < SESSIONS if is_session else self.memory.is_sharing_granted(pid, arguments)
            refused = REFUSED if is_session else -errno.ENOMEM
            fcntl.ioctl(listener, SEND, struct.pack(ANSWERED, question, 0, *((0, GO_ON) if is_granted else (refused, 0))))
            if is_session and is_granted:
                self.sessions += 1
                self.is_heavy = True
                self.look_at = min(self.look_at, time.monotonic() + SESSION_LOOK_SECONDS)
                with memory.acting_as(self.user):
                    os.kill(pid, signal.SIGSTOP)
                self.stopped.append(str(pid))
        except OSError:
            # Whoever asked has ended.
            return

    def reap(self):
        """Collects what has ended. Returns the status of the worker once that has."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == self.worker:
                    return str(os.waitstatus_to_exitcode(status))
                if pid == 0:
                    return None
        except ChildProcessError:
            return "0"

    def hold_back(self):
        """Others on the machine come first from now on, once the call is heavy; looked at again, for what it starts later."""
        stats = {pid: fields for pid in memory.processes() if (fields := stat_of(pid)) is not None}
        times = os.times()
        cpu = times.children_user + times.children_system + sum(sum(map(int, fields[11:15])) for fields in stats.values()) / TICKS
        self.is_crowd = self.is_crowd or len(stats) > CROWD or self.sessions > 1
        self.is_heavy = self.is_heavy or self.is_crowd or cpu - self.cpu_before > HEAVY_CPU_SECONDS
        self.cpu_at_look = cpu
        if not self.is_heavy:
            return
        nice = CROWD_NICE if self.is_crowd else HEAVY_NICE
        sessions = {fields[3]: pid for pid, fields in stats.items()}
        with memory.acting_as(self.user):
            for pid in stats:
                lower_threads(pid, nice)
            groups = [group for pid in sessions.values() if (group := open_group(pid, nice)) is not None]
        # From those without rights of their own the kernel takes ten of these a second.
        if all([set_group(group, nice) for group in groups]):
            self.let_go_on(stats)

    def let_go_on(self, stats):
        """Those that were stopped at the beginning of their session."""
        with memory.acting_as(self.user):
            for pid in self.stopped:
                if pid in stats and stats[pid][0] == "T":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGCONT)
        self.stopped = [pid for pid in self.stopped if pid in stats and stats[pid][0] != "T"]


def hand_over(asking_fd, listener):
    """In the worker: sends the descriptor on which its processes ask, None where they cannot, and keeps none of it."""
    with socket.socket(fileno=asking_fd) as asking:
        if listener is not None:
            socket.send_fds(asking, [b"."], [listener])
            os.close(listener)


def received(askers):
    descriptors = socket.recv_fds(askers, 1, 1)[1]
    askers.close()
    return descriptors[0] if descriptors else None


def stat_of(pid):
    """The fields of /proc/<pid>/stat from the third on."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def lower_threads(pid, nice):
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), nice)
    except OSError:
        pass


def open_group(pid, nice):
    """The kernel's automatic group of a session, where it is not held back yet; None where there are none."""
    try:
        with open(f"/proc/{pid}/autogroup", encoding="ascii") as file:
            if int(file.read().split()[-1]) >= nice:
                return None
        return os.open(f"/proc/{pid}/autogroup", os.O_WRONLY | os.O_CLOEXEC)
    except (OSError, IndexError, ValueError):
        return None


def set_group(group, nice):
    try:
        return os.write(group, str(nice).encode()) > 0
    except OSError as error:
        return error.errno != errno.EAGAIN
    finally:
        os.close(group)
