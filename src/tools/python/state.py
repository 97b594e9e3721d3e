"""Whether a process is after a call as it was before, so that another call of the same step may follow in it. What modules keep of their
own is left alone. All else that the next call could notice, or that would have to end with this one, must be gone: threads, what
was registered for the end, processes, files, descriptors; changed builtins, modules, settings of the interpreter and of the process."""

import _signal
import _thread
import atexit
import concurrent.futures.thread
import gc
import locale
import logging
import multiprocessing.util
import operator
import os
import resource
import sys
import threading
import time
import types
import weakref

ending = sys.modules["_transient_ending"]

# What the code of a call is, in sys.modules: see child.make_module.
CODE_MODULES = ("__playbook__", "__main__")
# Of the memory that a call may have, how much another may find taken: by modules, and by all that the calls since the first have left.
TAKEN_PART, GROWN_PART = 4, 16
THREAD_TRIES, THREAD_PAUSE_SECONDS = 20, 0.001
# Has its entry for the end of the process made, as the two modules imported above have: a call that uses them makes none.
weakref.finalize(ending, id).detach()

SIGNALS = range(1, _signal.NSIG)
TIMERS = [getattr(_signal, name) for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(_signal, name)]
LIMITS = [value for name, value in vars(resource).items() if name.startswith("RLIMIT_")]
PAGE = os.sysconf("SC_PAGE_SIZE")
DESCRIPTORS = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"


class State:
    """Taken before the first call, in its room."""

    def __init__(self, room):
        self.has_namespaces = room.confinement.has_namespaces
        self.memory = room.confinement.memory
        self.main = sys.modules["__main__"]
        self.table = sys.modules
        self.modules = dict(sys.modules)
        self.builtins = dict(vars(sys.modules["builtins"]))
        self.finders = [*sys.meta_path, *sys.path_hooks]
        self.handlers = handlers()
        self.finalizers = len(weakref.finalize._registry)
        self.endings = endings()
        self.native_threads = native_threads()
        self.settings = settings()
        self.surroundings = surroundings(self.has_namespaces)
        self.resident = resident()
        self.resident_after_first = None

    def is_kept(self):
        """To be asked when the call has its result, and its end is still to come if this is not so."""
        if not self.is_nothing_to_end() or not self.is_code_gone():
            return False
        # What the code leaves in circles ends with its call, finalizers included; what modules keep is not looked at again.
        gc.collect()
        is_kept = (
            len(weakref.finalize._registry) == self.finalizers
            and same(vars(sys.modules["builtins"]), self.builtins)
            and self.are_modules_kept()
            and self.are_finders_kept()
            and self.are_handlers_kept()
            and self.settings == settings()
            and self.surroundings == surroundings(self.has_namespaces)
            and self.is_memory_kept()
        )
        gc.freeze()
        return is_kept

    def is_nothing_to_end(self):
        """Threads of Python count once they run. Others are those of a library that computes, and run no code of the call."""
        found, tries = native_threads(), THREAD_TRIES
        while endings() == self.endings:
            if found <= self.native_threads or tries == 0:
                self.native_threads = found
                return True
            time.sleep(THREAD_PAUSE_SECONDS)
            tries -= 1
        return False

    def is_code_gone(self):
        if sys.modules is not self.table:
            return False
        code, main = (sys.modules.pop(name, None) for name in CODE_MODULES)
        sys.modules["__main__"] = self.main
        return code is main is not None

    def are_modules_kept(self):
        """Others may have been imported, and must be what importing them gives."""
        if same(sys.modules, self.modules):
            return True
        if any(sys.modules.get(name) is not module for name, module in self.modules.items()):
            return False
        if not all(is_imported(name, module) for name, module in sys.modules.items() if name not in self.modules):
            return False
        self.modules = dict(sys.modules)
        return True

    def are_finders_kept(self):
        """Packages add some when they are imported."""
        found = [*sys.meta_path, *sys.path_hooks]
        if any(each not in found for each in self.finders):
            return False
        return not any(getattr(each, "__module__", type(each).__module__) in CODE_MODULES for each in found)

    def are_handlers_kept(self):
        """A call that adds its own would find that of the one before, and print twice."""
        found = handlers()
        return found == self.handlers or all(each in self.handlers or type(each) is logging.NullHandler for each in found)

    def is_memory_kept(self):
        now = resident()
        if self.resident_after_first is None:
            self.resident_after_first = now
        taken, grown = now - self.resident, now - self.resident_after_first
        return taken <= self.memory // TAKEN_PART and grown <= self.memory // GROWN_PART


def same(first, second):
    """Whether two dicts have the same keys in the same order, and under each the very same object."""
    return len(first) == len(second) and list(first) == list(second) and all(map(operator.is_, first.values(), second.values()))


def is_imported(name, module):
    found = getattr(getattr(module, "__spec__", None), "name", None)
    if not isinstance(module, types.ModuleType) or not isinstance(found, str):
        return False
    # Packages give parts of themselves second names.
    return found == name or found.partition(".")[0] == name.partition(".")[0]


def endings():
    """What a call's end would have to wait for, or to run."""
    return _thread._count(), atexit._ncallbacks(), len(getattr(threading, "_threading_atexits", ()))


def native_threads():
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def handlers():
    return [handler for reference in logging._handlerList if (handler := reference()) is not None]


def settings():
    """Of the interpreter."""
    return (
        *(sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__),
        *(sys.excepthook, sys.displayhook, sys.unraisablehook, sys.breakpointhook, threading.excepthook),
        *(list(sys.path), list(sys.argv), sys.gettrace(), sys.getprofile(), sys.getrecursionlimit(), sys.getswitchinterval()),
        *(gc.isenabled(), gc.get_threshold(), gc.get_debug(), list(gc.callbacks), locale.setlocale(locale.LC_ALL)),
    )


def surroundings(has_namespaces):
    """What the kernel keeps for the process, and around it. Never equal to what could not be looked at."""
    try:
        mask = os.umask(0o22)
        os.umask(mask)
        return (
            *(os.getcwd(), mask, dict(os.environ), [resource.getrlimit(each) for each in LIMITS]),
            *([_signal.getsignal(each) for each in SIGNALS], _signal.pthread_sigmask(_signal.SIG_BLOCK, ())),
            *([_signal.getitimer(each) for each in TIMERS], wakeup_fd()),
            *(os.listdir(DESCRIPTORS), [os.fstat(fd)[1:3] for fd in (0, 1, 2, 3)]),
            *([os.listdir(each) for each in ("/tmp", "/dev/shm")] if has_namespaces else ()),
            ending.left_behind(has_namespaces),
        )
    except (OSError, ValueError):
        return object()


def wakeup_fd():
    fd = _signal.set_wakeup_fd(-1)
    if fd != -1:
        _signal.set_wakeup_fd(fd)
    return fd


def resident():
    file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(file, 200).split()[1]) * PAGE
    finally:
        os.close(file)
