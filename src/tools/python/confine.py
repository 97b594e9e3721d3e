"""What stands between the code of a call and the machine: namespaces, a user of its own, limits, refused system calls.

Three modes, the strongest that the machine allows being chosen by the process that starts this one:
`root` and `user`, inside bubblewrap, started by root or by an ordinary user: every call has its own processes, tmp and user;
`plain`, without bubblewrap: limits, as the user that started the server.
"""

import ctypes
import os
import resource
import signal
import struct
import sys

child = sys.modules["_transient_child"]
memory = sys.modules["_transient_memory"]
seccomp = sys.modules["_transient_seccomp"]
watcher = sys.modules["_transient_watcher"]

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
NOBODY = 65534
# Ids that no system hands out; or, where a container has too few, those that systemd keeps for passing users.
USER_BASES = (0x70000000, 61184)
USERS = 4000
MIB = 1024 * 1024
TMP_BYTES = 128 * MIB
SHARED_BYTES = 64 * MIB
PROCESSES = 64
FILES = 256
WAITING_MESSAGES = 2
NICE = 10
# Longer than what a kernel gives without being asked, 3 ms at most; and what another has to wait at worst, so no longer than needed.
TURN_NANOSECONDS = 5_000_000
# Of struct sched_attr: the policy stays as it is.
ATTRIBUTES = "IIQiI3Q"
KEEP_POLICY = 8

libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """The machine did not allow what a call needs; in words for the operator."""


def checked(result, what):
    if result != 0:
        raise Refused(f"{what}: {os.strerror(ctypes.get_errno())}")


class Confinement:
    """How calls are confined; made once, in the warm parent."""

    def __init__(self, mode, memory_mib, is_network_open, groups):
        self.mode = mode
        self.groups = groups
        self.memory_mib = memory_mib
        self.memory = memory_mib * MIB
        self.has_namespaces = mode in ("root", "user")
        self.user_base = find_user_base() if mode == "root" else None
        self.next_user, self.own_memory = 0, None
        self.process_limit = PROCESSES
        if self.has_namespaces:
            self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.is_network_closed = not is_network_open and leave_network()
        if self.has_namespaces and not is_network_open and not self.is_network_closed:
            raise Refused("the network cannot be closed")
        # bubblewrap began a session; without one of its own the server's would stand back, and all that its shell starts later.
        if self.has_namespaces or begin_session():
            stand_back()

    def user_of_next_call(self):
        if self.user_base is None:
            if self.mode == "root":
                raise Refused("the container maps too few users")
            return None
        self.next_user = (self.next_user + 1) % USERS
        return self.user_base + self.next_user

    def fork(self):
        """Forks; with namespaces, the child is the first of processes that end with it and see no others."""
        if not self.has_namespaces:
            self.process_limit = processes_of_user() + PROCESSES
            return os.fork()
        self.own_memory = self.own_memory or memory.memory_of("self")
        checked(libc.unshare(CLONE_NEWPID), "unshare")
        try:
            return os.fork()
        finally:
            if os.getpid() != 1:
                checked(libc.setns(self.own_pids, CLONE_NEWPID), "setns")

    def make_room(self, user, group):
        """In the first process of a call: its own network without anything in it, /proc, /tmp and shared memory."""
        if group is not None:
            self.groups.enter(group)
            libc.unshare(CLONE_NEWCGROUP)
        checked(libc.unshare(CLONE_NEWNS | CLONE_NEWIPC | (CLONE_NEWNET if self.is_network_closed else 0)), "unshare")
        owner = 0 if user is None else user
        mount("proc", "/proc", MS_NOSUID_NODEV_NOEXEC, None)
        mount("tmpfs", "/tmp", 2 | 4, f"size={TMP_BYTES},nr_inodes=10000,mode=700,uid={owner},gid={owner}")
        mount("tmpfs", "/dev/shm", MS_NOSUID_NODEV_NOEXEC, f"size={SHARED_BYTES},nr_inodes=1000,mode=700,uid={owner},gid={owner}")
        if self.is_network_closed:
            # Messages that wait at a socket may be of senders that are gone, and in nobody's count.
            write("/proc/sys/net/unix/max_dgram_qlen", str(WAITING_MESSAGES))

    def give_up_rights(self, user, asking_fd):
        """In the process that runs the code, last of all: from here on it can do nothing but compute within its limits."""
        write("/proc/self/oom_score_adj", "1000")
        os.nice(NICE)
        give_way()
        stand_back()
        if self.mode == "user":
            enter_own_user_namespace()
        if user is not None:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        drop_capabilities()
        self.set_limits()
        if hasattr(libc, "prctl"):
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            # Changing the user made /proc/self unreadable, which subprocesses need.
            libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            listener = seccomp.install(libc, asking_fd is not None, self.groups is None)
            if asking_fd is not None:
                watcher.hand_over(asking_fd, listener)
        if self.has_namespaces:
            os.chdir("/tmp")

    def set_limits(self):
        limits = {
            "RLIMIT_DATA": self.memory,
            "RLIMIT_AS": 4 * self.memory,
            "RLIMIT_FSIZE": TMP_BYTES,
            "RLIMIT_NOFILE": FILES,
            "RLIMIT_NPROC": self.process_limit,
            "RLIMIT_CORE": 0,
            "RLIMIT_MSGQUEUE": 0,
        }
        for name, value in limits.items():
            number = getattr(resource, name, None)
            if number is None:
                continue
            hard = resource.getrlimit(number)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            try:
                resource.setrlimit(number, (bound, bound))
            except (ValueError, OSError):
                pass

    def watch(self, worker, user, group, channels):
        """In the first process of a room: waits for the one that runs the code. Returns its status, or what it has too much of."""
        if group is not None:
            held = memory.Grouped(self.groups, group)
        else:
            held = memory.Watched(user, self.memory, self.own_memory, self.is_network_closed)
        return watcher.Watcher(worker, user, held, self.is_network_closed).watch(channels)


class Room:
    """What the calls in it may do. Over `asking_fd` its first process learns where to be asked for sessions and shared memory;
    a `group` is given to who has no first process. `is_closed`: whether it has no network, once entered."""

    def __init__(self, confinement, user, parent_pid, asking_fd=None, group=None):
        self.confinement = confinement
        self.user = user
        self.group = group
        self.parent_pid = parent_pid
        self.asking_fd = asking_fd
        self.memory_mib = confinement.memory_mib
        self.is_closed = None

    def join(self):
        if self.group is not None:
            self.confinement.groups.enter(self.group)

    def enter(self, network):
        """Locks in the process that will run the code: once, for all of its calls."""
        if self.is_closed is not None:
            return
        is_closed = self.confinement.is_network_closed
        if network is False and not is_closed:
            raise child.CallFailed("network: false needs Linux with user namespaces, which this machine does not allow")
        if not self.confinement.has_namespaces:
            # What it leaves behind stays its own, to be named in the log.
            child.become_subreaper()
            if is_closed:
                checked(libc.unshare(CLONE_NEWNET), "unshare")
        self.confinement.give_up_rights(self.user, self.asking_fd)
        if hasattr(libc, "prctl"):
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != self.parent_pid:
                os._exit(1)
        self.is_closed = is_closed


def begin_session():
    """Whether this process is the first of a session of its own from now on."""
    try:
        os.setsid()
        return True
    except (OSError, AttributeError):
        return False


def stand_back():
    """Under the kernel's automatic groups niceness counts inside a session only; the session has one of its own."""
    write("/proc/self/autogroup", str(NICE))


def give_way():
    """Niceness says how much of a processor a process gets, not how soon: a kernel that shares by deadlines (Linux 6.6) lets the
    one that runs finish its turn, up to two ticks of its clock, before whoever wakes. One that asked for longer turns than
    others is interrupted at once (6.12; asking changes nothing before). Its children inherit that."""
    if seccomp.MACHINE is not None and hasattr(libc, "prctl"):
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = struct.pack(ATTRIBUTES, struct.calcsize(ATTRIBUTES), 0, KEEP_POLICY, nice, 0, TURN_NANOSECONDS, 0, 0)
        libc.syscall(seccomp.MACHINE["sched_setattr"], 0, attributes, 0)


def find_user_base():
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            ranges = [[int(word) for word in line.split()] for line in file]
    except (OSError, ValueError):
        return None
    for base in USER_BASES:
        if any(start <= base and base + USERS <= start + count for start, _, count in ranges):
            return base
    return None


def processes_of_user():
    """Processes and threads that already count against the limit of this user (Linux)."""
    count = 0
    try:
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                        count += len(os.listdir(f"/proc/{name}/task"))
                except OSError:
                    pass
    except OSError:
        return 1000
    return count


def mount(kind, target, flags, options):
    data = None if options is None else options.encode()
    checked(libc.mount(kind.encode(), target.encode(), kind.encode(), flags, data), f"mount {target}")


def enter_own_user_namespace():
    """The number of processes is counted for each user of each namespace: with its own, a call cannot use up another's."""
    user, group = os.geteuid(), os.getegid()
    checked(libc.unshare(CLONE_NEWUSER), "unshare")
    map_user(NOBODY, NOBODY, user, group)


def drop_capabilities():
    if hasattr(libc, "capset"):
        libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())


def leave_network():
    """Whether the network could be closed for this process and its children. bubblewrap's own way leaves a loopback,
    over which calls could talk to each other."""
    if not hasattr(libc, "unshare"):
        return False
    if libc.unshare(CLONE_NEWNET) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    map_user(user, group, user, group)
    return True


def map_user(inside_user, inside_group, user, group):
    write("/proc/self/setgroups", "deny")
    write("/proc/self/gid_map", f"{inside_group} {group} 1")
    write("/proc/self/uid_map", f"{inside_user} {user} 1")


def write(path, text):
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        pass
