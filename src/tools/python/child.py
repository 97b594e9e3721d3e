"""What a forked child does with a call of the python tool: reads it, runs its code, writes its result; and ends, or takes another call
of the same step."""

import asyncio
import builtins
import collections
import contextvars
import ctypes
import fcntl
import functools
import importlib
import inspect
import json
import linecache
import math
import os
import signal
import sys
import types

report = sys.modules["_transient_report"]
ending = sys.modules["_transient_ending"]
state = sys.modules["_transient_state"]

RESULT_FD, ASKING_FD, CALLS_FD = 3, 4, 5
# Above all that have a number of their own.
SPARE_FD = 16
# What an answer begins with, before the id of its call: whether this process takes more. One that may says before its first that it is there.
MORE, LAST, READY = b"more", b"last", b"ready"
# Whatever a call leaks, there is an end to it.
MOST_CALLS = 2000
CODE_NAME = report.CODE_NAME
# What `__name__` is in the code of a step; `__main__` is the same module, as for a program.
MODULE_NAME = "__playbook__"
KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH")
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# What a process writes results and its log to, where it reads calls from, and whether there may be more than one.
Pipes = collections.namedtuple("Pipes", "result log calls is_for_more")


class CallFailed(Exception):
    """What went wrong, in words for the author of the playbook."""


def clean_environment():
    """The server's secrets are in its environment: calls see only what programs need to run."""
    for name in list(os.environ):
        if name not in KEPT_ENVIRONMENT and not name.startswith("LC_"):
            del os.environ[name]


def become_subreaper():
    """Daemons that a call leaves behind become children of this process, so that it can end them (Linux)."""
    control_process(PR_SET_CHILD_SUBREAPER, 1)


def control_process(option, value):
    try:
        return ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0
    except (OSError, AttributeError):
        return False


def kill_orphans(calls):
    """Ends processes that outlived their call. One in the session of a call that still runs is left alone."""
    try:
        pids = children_of(os.getpid())
    except OSError:
        return
    for pid in pids:
        try:
            if pid not in calls and os.getsid(pid) not in calls:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def children_of(pid):
    """Of a process with one thread."""
    file = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return [int(word) for word in os.read(file, 4096).split()]
    finally:
        os.close(file)


def run(pipes, room):
    """Runs calls in the room that was made for them and ends the process; never returns."""
    status = 1
    try:
        room.join()
        isolate(pipes, room)
        serve(room, pipes.is_for_more)
        status = 0
    finally:
        try:
            flush()
        finally:
            os._exit(status)


def serve(room, is_for_more):
    """One call after another, as long as each leaves the process as it was before."""
    before, count = None, 0
    if is_for_more:
        send(READY + b"\n")
    calls = open(CALLS_FD, "rb", closefd=False)
    while (received := next_call(calls)) is not None:
        call_id, payload = received
        answer, before = answer_to(payload, room, before)
        count += 1
        is_last = not is_for_more or count == MOST_CALLS or before is None or not before.is_kept()
        if is_last:
            ending.finish(room.confinement.has_namespaces)
        flush()
        send(b"%s %s %d\n%s" % (LAST if is_last else MORE, call_id, len(answer), answer))
        if is_last:
            return


def next_call(calls):
    """Its id and its payload; None when there will be none."""
    call_id, _, size = calls.readline().partition(b" ")
    return (call_id, calls.read(int(size))) if size else None


def flush():
    # The code may have put others in their places.
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except Exception:
            pass


def isolate(pipes, room):
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wanted = {1: pipes.log, 2: pipes.log, RESULT_FD: pipes.result, ASKING_FD: room.asking_fd, CALLS_FD: pipes.calls}
    # None may stand where another is to be.
    spare = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, SPARE_FD) for number, fd in wanted.items() if fd is not None}
    for number, fd in spare.items():
        os.dup2(fd, number, inheritable=number < RESULT_FD)
    for number in set(range(RESULT_FD, SPARE_FD)) - spare.keys():
        os.closerange(number, number + 1)
    os.closerange(SPARE_FD, os.sysconf("SC_OPEN_MAX"))
    if room.asking_fd is not None:
        room.asking_fd = ASKING_FD
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.argv = [CODE_NAME]
    # The number of digits is bounded where a value is stored, with a message of its own.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)


def send(answer):
    view = memoryview(answer)
    while view:
        view = view[os.write(RESULT_FD, view) :]


def answer_to(payload, room, before):
    """The answer as JSON: what comes of it later, from threads for one, changes nothing. With it the state before the first call of
    the process; None after a failure, since an exception holds on to all that it came through."""
    call = json.loads(payload)
    try:
        room.enter(call.get("network"))
        before = before or state.State(room)
        # Variables of the context (that of decimal, for one) are each call's own.
        value = contextvars.copy_context().run(execute, call)
        find_fault(value)
        return as_json({"value": value}), before
    except CallFailed as failure:
        return as_json({"error": str(failure)}), None
    except SystemExit as exit_request:
        return as_json({"error": f"the code called sys.exit({'' if exit_request.code is None else repr(exit_request.code)}): return a value instead"}), None
    except BaseException as error:
        try:
            report.log_failure(error)
        except Exception:
            # Without memory there may be no more than the message.
            pass
        return as_json({"error": report.describe(error, room.is_closed, room.memory_mib)}), None


def as_json(answer):
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()


def execute(call):
    code, args, context = call["code"], call["args"], call["context"]
    context["idempotency_key"] = call["idempotency_key"]
    linecache.cache[CODE_NAME] = (len(code), None, code.splitlines(True), CODE_NAME)
    scope = vars(make_module())
    scope.update(context=context, idempotency_key=call["idempotency_key"])
    for alias, module in call["libs"].items():
        scope[alias] = import_lib(alias, module)
    scope.update(args)
    given = dict(scope)
    exec(compiled(code), scope)
    main = scope.get("main")
    if callable(main) and main is not given.get("main"):
        return call_main(main, args, context)
    return scope.get("result")


@functools.lru_cache(maxsize=1)
def compiled(code):
    """All calls of a step have the same."""
    return compile(code, CODE_NAME, "exec", dont_inherit=True)


def make_module():
    """What looks itself up by its module finds it: dataclasses, pickle, typing, inspect, unittest, and whoever asks for `__main__`."""
    module = types.ModuleType(MODULE_NAME)
    module.__file__ = CODE_NAME
    module.__builtins__ = builtins
    sys.modules[MODULE_NAME] = sys.modules["__main__"] = module
    return module


def import_lib(alias, module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CallFailed(f'libs.{alias}: the module "{module}" cannot be imported ({report.strip_paths(str(error))}); install it for the interpreter that PYTHON names') from None


def call_main(main, args, context):
    positional, named, rest = [], {}, dict(args)
    takes_rest = False
    for parameter in inspect.signature(main).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_rest = True
            continue
        rest.pop(parameter.name, None)
        is_found, value = look_up(parameter.name, args, context)
        if not is_found:
            if parameter.default is not parameter.empty:
                if parameter.kind is parameter.POSITIONAL_ONLY:
                    positional.append(parameter.default)
                continue
            raise CallFailed(f'main needs a value for "{parameter.name}": name it in args')
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            named[parameter.name] = value
    value = main(*positional, **named, **(rest if takes_rest else {}))
    return asyncio.run(as_coroutine(value)) if inspect.isawaitable(value) else value


async def as_coroutine(awaitable):
    return await awaitable


def look_up(name, args, context):
    """By name from args, then the context, in the order in which a template resolves a bare name."""
    if name in args:
        return True, args[name]
    if name == "context":
        return True, context
    for layer in (context, context.get("vars"), context.get("results"), context.get("workload")):
        if isinstance(layer, dict) and name in layer:
            return True, layer[name]
    return False, None


def find_fault(value, path="result", seen=()):
    """Names the first thing inside a result that JSON cannot hold."""
    if value is None or isinstance(value, (bool, int, str)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise CallFailed(f"{path} is {value}, which is not JSON: return a finite number, a string or None")
        return
    if id(value) in seen:
        raise CallFailed(f"{path} contains itself, which is not JSON")
    if len(seen) > 200:
        raise CallFailed(f"{path[:100]}... is nested more than 200 deep")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, (str, int)):
                raise CallFailed(f"{path} has the key {key!r} ({type(key).__name__}): keys of JSON objects are strings")
            find_fault(item, f"{path}.{key}", (*seen, id(value)))
        return
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            find_fault(item, f"{path}[{index}]", (*seen, id(value)))
        return
    raise CallFailed(f"{path} is of type {type(value).__name__}, which is not JSON: return str, int, float, bool, None, list or dict")
