"""The kernel's control groups: one for each call holds all that its processes take of memory, whether anyone of them has it in
view or not (buffers of sockets and pipes, files in its tmpfs, memory that is shared and mapped nowhere). The server gives a
folder in which they may be made, where the machine lets it have one."""

import contextlib
import os

# By version: what is set to the limit, what is set otherwise, how a process enters, and where kills for want of memory are counted.
# The thread that enters moves itself alone where it can (`tasks`): for whole processes the kernel waits for all others, 10 ms.
KINDS = {
    "1": (("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes"), {}, "tasks", "memory.oom_control"),
    "2": (("memory.max",), {"memory.swap.max": "0", "memory.oom.group": "1"}, "cgroup.procs", "memory.events"),
}


class Groups:
    def __init__(self, version, folder, memory):
        self.limited, self.others, self.entrance, self.events = KINDS[version]
        self.folder = folder
        self.memory = memory
        self.unremoved = []

    def make(self, name):
        """Raises OSError where the limit cannot be set."""
        os.mkdir(name, 0o700, dir_fd=self.folder)
        first, *others = self.limited
        self.write(name, first, str(self.memory))
        for file, value in [*((file, str(self.memory)) for file in others), *self.others.items()]:
            # Without swap or older kernels there is none of these.
            with contextlib.suppress(OSError):
                self.write(name, file, value)

    def enter(self, name):
        self.write(name, self.entrance, "0")

    def is_exceeded(self, name):
        """Whether the kernel had to end a process of the group."""
        try:
            with open(os.open(f"{name}/{self.events}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.folder), encoding="ascii") as file:
                return any(line.split()[1] != "0" for line in file if line.startswith("oom_kill "))
        except OSError:
            return False

    def remove(self, name):
        """What has not quite ended yet is removed with one of the next."""
        self.unremoved, waiting = [], [*self.unremoved, name]
        for each in waiting:
            try:
                os.rmdir(each, dir_fd=self.folder)
            except FileNotFoundError:
                pass
            except OSError:
                self.unremoved.append(each)

    def write(self, name, file, value):
        descriptor = os.open(f"{name}/{file}", os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
