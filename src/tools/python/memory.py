"""How much memory a call holds, and whether that is more than it may: as the kernel says where the call has a group of its own;
else by looking at its processes, and at what they share without having it in view."""

import contextlib
import os

MIB = 1024 * 1024
# How many sockets a call may have in a network of its own. Some of their buffers no group of the kernel counts.
SOCKETS = 512
# Of mmap.
MAP_ANONYMOUS = 0x20
ZERO_DEVICE = os.makedev(1, 5)
ZERO_MAPPING = "/dev/zero"


class Grouped:
    """By the group of the kernel that the call is in."""

    def __init__(self, groups, name):
        self.groups = groups
        self.name = name

    def is_exceeded(self):
        return self.groups.is_exceeded(self.name)

    def is_sharing_granted(self, pid, arguments):
        return True


class Watched:
    """By a look at every process of `user`, where it has one of its own. Memory that is shared counts from when it is asked for: it may be there without being mapped."""

    def __init__(self, user, limit, own, are_sockets_own):
        self.user = user
        self.limit = limit
        self.own_anonymous, _, self.own_tables = own
        self.buffer = buffer_size() if are_sockets_own else 0
        self.shared = 0
        self.is_asked = False

    def is_exceeded(self):
        total = self.in_use()
        return total > self.limit and not (self.is_none_shared() and self.in_use() <= self.limit)

    def in_use(self):
        total = self.buffer * sockets() if self.buffer else 0
        mapped = 0
        for pid in processes():
            anonymous, shared, tables = memory_of(pid)
            # What a forked process still shares with the warm parent is not its own.
            total += max(0, anonymous - self.own_anonymous) + max(0, tables - self.own_tables)
            mapped += shared
        return total + (self.shared if self.is_asked else mapped)

    def is_sharing_granted(self, pid, arguments):
        self.is_asked = True
        _, length, _, flags, descriptor = arguments[:5]
        with acting_as(self.user):
            if not flags & MAP_ANONYMOUS and not is_zero_device(pid, descriptor & 0xFFFFFFFF):
                return True
        # With all else that is in use: a look while it is mapped would count that too, and what was given back before.
        if self.in_use() + length > self.limit and not (self.is_none_shared() and self.in_use() + length <= self.limit):
            return False
        self.shared += length
        return True

    def is_none_shared(self):
        """Whether all that was shared is gone again; then it counts no more."""
        if self.shared > 0:
            with acting_as(self.user):
                if is_memory_shared():
                    return False
        self.shared = 0
        return True


@contextlib.contextmanager
def acting_as(user):
    """What belongs to another user may be changed, or looked into, by that user only."""
    if user is None:
        yield
        return
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def processes():
    return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def memory_of(pid):
    """Anonymous and shared memory of a process and its page tables, in bytes."""
    found = {"RssAnon:": 0, "RssShmem:": 0, "VmPTE:": 0}
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, rest = line.partition("\t")
                if name in found:
                    found[name] = int(rest.split()[0]) * 1024
    except (OSError, ValueError):
        pass
    return tuple(found.values())


def is_memory_shared():
    """Whether any process maps shared memory that is not a file; where one may not look, it does."""
    for pid in processes():
        try:
            with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
                if any(ZERO_MAPPING in line for line in file):
                    return True
        except FileNotFoundError:
            continue
        except OSError:
            return True
    return False


def is_zero_device(pid, descriptor):
    try:
        return os.stat(f"/proc/{pid}/fd/{descriptor}").st_rdev == ZERO_DEVICE
    except OSError:
        return True


def sockets():
    """How many sockets there are in the network of this process."""
    try:
        with open("/proc/self/net/sockstat", encoding="ascii") as file:
            return int(file.readline().split()[-1])
    except (OSError, ValueError, IndexError):
        return 0


def buffer_size():
    """What a socket holds at most, since a call can't ask for more."""
    try:
        with open("/proc/sys/net/core/wmem_default", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 212992
