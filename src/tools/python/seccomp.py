"""System calls that no step needs: those that make namespaces, look into other processes, load code into the kernel, hold
memory that no limit counts, or ask for quicker turns at the processors; and sockets other than those of the internet and of one
machine, some of which no namespace holds (a virtual machine's to its host, for one). They answer EPERM. Larger buffers of sockets are asked
for in vain. Whether a process may begin a session, the first process of the call decides: to each session the kernel may give as
much of the processors as to the server. Where no group of the kernel counts memory it also decides on shared memory."""

import ctypes
import os
import struct

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_SET_MODE_FILTER = 1
NEW_LISTENER = 8
ALLOW = 0x7FFF0000
DENY = 0x00050000 | 1
NO_SUCH_CALL = 0x00050000 | 38
ASK = 0x7FC00000
IGNORE = 0x00050000
NAMESPACES = 0x7E020080
LOAD, JUMP_EQUAL, JUMP_ABOVE, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

# UNIX, INET, INET6
FAMILIES = (1, 2, 10)
# Of its protocols only the one that tells addresses: others pass messages on between processes, in memory that no group counts.
NETLINK, NETLINK_ROUTE = 16, 0
SOL_SOCKET, BUFFER_SIZES = 1, (7, 8)
MAP_SHARED = 1
# Numbers from 424 on are the same everywhere: pidfd_send_signal is left, io_uring, the new mount calls and pidfd_getfd are not.
COMMON = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 447)
MACHINES = {
    # fmt: off
    "x86_64": {
        "audit": 0xC000003E, "clone": 56, "clone3": 435, "socket": 41, "setsid": 112, "seccomp": 317, "sched_setattr": 314, "setsockopt": 54, "mmap": 9,
        # shm*, sem*, msg*, ptrace, syslog, pivot_root, chroot, acct, mount, umount2, swap*, reboot, modules, iopl, ioperm, keys, mq_open,
        # kexec, unshare, vmsplice, perf_event_open, handles, setns, process_vm_*, kcmp, memfd_create, bpf, userfaultfd
        "denied": (29, 30, 31, 64, 68, 69, 101, 103, 155, 161, 163, 165, 166, 167, 168, 169, 172, 173, 175, 176, 240, 246, 248,
                   249, 250, 272, 278, 298, 303, 304, 308, 310, 311, 312, 313, 319, 320, 321, 323),
    },
    "aarch64": {
        "audit": 0xC00000B7, "clone": 220, "clone3": 435, "socket": 198, "setsid": 157, "seccomp": 277, "sched_setattr": 274, "setsockopt": 208, "mmap": 222,
        "denied": (39, 40, 41, 51, 75, 89, 97, 104, 105, 106, 116, 117, 142, 180, 186, 189, 190, 194, 195, 196, 217, 218, 219, 224,
                   225, 241, 264, 265, 268, 270, 271, 272, 273, 279, 280, 282, 294),
    },
    # fmt: on
}


def build_program(machine, on_session, on_sharing):
    denied = [*machine["denied"], machine["sched_setattr"], *COMMON]
    allowed = (RETURN, 0, 0, ALLOW)
    refused = (RETURN, 0, 0, DENY)
    code = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, machine["audit"]), refused, (LOAD, 0, 0, 0)]
    # Calls of the x32 interface have bit 30 set.
    code += [(JUMP_ABOVE, 0, 1, 0x40000000), refused]
    code += called(machine["clone3"], [(RETURN, 0, 0, NO_SUCH_CALL)])
    code += called(machine["setsid"], [(RETURN, 0, 0, on_session)])
    code += called(machine["clone"], [argument(0), (JUMP_BITS, 0, 1, NAMESPACES), refused, allowed])
    families = [(JUMP_EQUAL, len(FAMILIES) - index + 4, 0, family) for index, family in enumerate(FAMILIES)]
    routes = [(JUMP_EQUAL, 1, 0, NETLINK), refused, argument(2), (JUMP_EQUAL, 1, 0, NETLINK_ROUTE), refused, allowed]
    code += called(machine["socket"], [argument(0), *families, *routes])
    sizes = [(JUMP_EQUAL, len(BUFFER_SIZES) - index, 0, option) for index, option in enumerate(BUFFER_SIZES)]
    code += called(machine["setsockopt"], [argument(1), (JUMP_EQUAL, 1, 0, SOL_SOCKET), allowed, argument(2), *sizes, allowed, (RETURN, 0, 0, IGNORE)])
    code += called(machine["mmap"], [argument(3), (JUMP_BITS, 0, 1, MAP_SHARED), (RETURN, 0, 0, on_sharing), allowed])
    code += [(JUMP_EQUAL, len(denied) - index, 0, number) for index, number in enumerate(denied)]
    code += [allowed, refused]
    return b"".join(struct.pack("HBBI", *line) for line in code), len(code)


def called(number, lines):
    """Lines for one system call, the last of which end the program."""
    return [(JUMP_EQUAL, 0, len(lines), number), *lines]


def argument(index):
    return (LOAD, 0, 0, 16 + 8 * index)


MACHINE = MACHINES.get(os.uname().machine)
ANSWERS = ((ALLOW, ALLOW), (ASK, ALLOW), (ASK, ASK), (DENY, ALLOW))
PROGRAMS = {} if MACHINE is None else {answers: build_program(MACHINE, *answers) for answers in ANSWERS}


def install(libc, is_asked, is_sharing_asked):
    """For this process and all that it starts. Needs `no_new_privs`. Returns a descriptor on which those who want a session,
    or shared memory, ask, where `is_asked` and the kernel can (Linux 5.5); without it there are no sessions to be had."""
    if MACHINE is None:
        return None
    if not is_asked:
        libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, packed(ALLOW, ALLOW), 0, 0)
        return None
    program = packed(ASK, ASK if is_sharing_asked else ALLOW)
    listener = libc.syscall(MACHINE["seccomp"], SECCOMP_SET_MODE_FILTER, NEW_LISTENER, program)
    if listener >= 0:
        return listener
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, packed(DENY, ALLOW), 0, 0)
    return None


def packed(on_session, on_sharing):
    code, length = PROGRAMS[on_session, on_sharing]
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", length, ctypes.addressof(buffer)))
    program.kept = buffer
    return program
