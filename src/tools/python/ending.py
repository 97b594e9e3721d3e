"""The end of a call, as of a Python program: threads that are no daemons are waited for, what was registered with atexit
runs; and what the call leaves behind is said in its log, because it ends with it."""

import atexit
import contextlib
import os
import sys
import threading
import traceback

SAY_AFTER_SECONDS = 2
SHOWN = 5
SHOWN_TEXT = 80
# Processes that a library starts for itself; they end by themselves.
HELPERS = (b"multiprocessing.resource_tracker", b"multiprocessing.forkserver")


def command_line(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


try:
    COMMAND_LINE = command_line("self")
except OSError:
    COMMAND_LINE = None


def finish(has_namespaces):
    """Waits within the step's timeout, as Python waits; an exception on the way is printed and hides nothing of the result."""
    for end in (wait_for_threads, atexit._run_exitfuncs):
        try:
            end()
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
    with contextlib.suppress(OSError):
        say_left_behind(has_namespaces)


def wait_for_threads():
    saying = None
    if waited_for():
        saying = threading.Timer(SAY_AFTER_SECONDS, say_waiting)
        saying.daemon = True
        saying.start()
    threading._shutdown()
    if saying is not None:
        saying.cancel()


def waited_for():
    return [each.name for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]


def say_waiting():
    if names := waited_for():
        say(f"the code has ended; waiting for threads that are no daemons: {listed(names)}")


def say_left_behind(has_namespaces):
    if left := [f"{name} (process {pid})" for pid in left_behind(has_namespaces) if (name := name_of(pid)) is not None]:
        say(f"still running when the code ended, and stopped: {listed(left)}")


def left_behind(has_namespaces):
    """Processes beside this one; of those that have ended, the ones that nobody has waited for are among them."""
    me = os.getpid()
    if not has_namespaces:
        return descendants(me)
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if pid not in (1, me)]


def descendants(pid):
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                for each in map(int, file.read().split()):
                    found += [each, *descendants(each)]
    return found


def name_of(pid):
    """What a process was started as; None when it has ended, or is a helper that ends by itself."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            start, _, rest = file.read().rpartition(")")
        line = command_line(pid)
    except OSError:
        return None
    if rest.split()[0] in "ZX" or any(helper in line for helper in HELPERS):
        return None
    if line == COMMAND_LINE:
        return "a fork of the code's process"
    return line.replace(b"\0", b" ").decode("utf-8", "replace").strip()[:SHOWN_TEXT] or start.partition("(")[2]


def listed(names):
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def say(text):
    print(text, file=sys.__stderr__, flush=True)
