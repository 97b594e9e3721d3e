"""What an author reads of a call that failed: one message for the step, and in its log what Python itself would print."""

import linecache
import os
import re
import sys
import traceback

CODE_NAME = "<code>"
# ENETUNREACH, and what a name that cannot be looked up gives.
NO_NETWORK = (101, -2, -3)
# How much of the exceptions behind an exception its message names; the log has them all.
RELATED = 5
RELATED_TEXT = 500
OWN_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child.py")


def log_failure(error):
    """Prints an exception as Python does, with causes, contexts, notes and members, but without the frames that call the code."""
    printed = traceback.TracebackException.from_exception(error)
    leave_out_own_frames(printed)
    for text in printed.format():
        print(text, end="", file=sys.__stderr__)


def leave_out_own_frames(printed):
    seen, waiting = set(), [printed]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        frames = each.stack
        if frames and frames[0].filename == OWN_FILE:
            of_code = [index for index, frame in enumerate(frames) if frame.filename == CODE_NAME]
            of_own = [index for index, frame in enumerate(frames) if frame.filename == OWN_FILE]
            del frames[: of_code[0] if of_code else of_own[-1] + 1]
        waiting += [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())]


def describe(error, is_closed, memory_mib):
    """The step's message: the exception with its line, what stands behind it, and what to do where that is known."""
    text = describe_alone(error)
    for words, other in related(error):
        text += f"; {words}{describe_alone(other)[:RELATED_TEXT]}"
    return text + hint_at(error, is_closed, memory_mib)


def describe_alone(error):
    if isinstance(error, SyntaxError) and error.filename == CODE_NAME:
        source = (error.text or "").strip()
        return f"{type(error).__name__}: {error.msg} (line {error.lineno} of the code{': ' + source if source else ''}){notes_of(error)}"
    message = message_of(error)
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    line = last_line(error)
    if line is not None:
        source = linecache.getline(CODE_NAME, line).strip()
        text += f" (line {line} of the code{': ' + source if source else ''})"
    return text + notes_of(error)


def message_of(error):
    try:
        message = str(error)
    except Exception:
        return "<its message cannot be made>"
    return strip_paths(message) if isinstance(error, ImportError) else message


def notes_of(error):
    notes = getattr(error, "__notes__", None)
    return "".join(f"; note: {str(note)[:RELATED_TEXT]}" for note in notes[:RELATED]) if isinstance(notes, list) else ""


def last_line(error):
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CODE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def related(error):
    """What Python prints beside an exception, with the words that lead to it, the nearest first; bounded."""
    found, seen, waiting = [], {id(error)}, [error]
    while waiting and len(found) < RELATED:
        each = waiting.pop(0)
        behind = [("its member ", member) for member in members_of(each)]
        if each.__cause__ is not None:
            behind.append(("caused by ", each.__cause__))
        elif each.__context__ is not None and not each.__suppress_context__:
            behind.append(("while handling ", each.__context__))
        for words, other in behind:
            if id(other) not in seen:
                seen.add(id(other))
                found.append((words, other))
                waiting.append(other)
    return found[:RELATED]


def members_of(error):
    members = getattr(error, "exceptions", ())
    return [each for each in members if isinstance(each, BaseException)] if isinstance(members, (list, tuple)) else []


def hint_at(error, is_closed, memory_mib):
    seen, waiting = set(), [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, MemoryError):
            return f"; a step may use {memory_mib} MiB (the setting PYTHON_MEMORY_MB)"
        if is_closed and isinstance(each, OSError) and each.errno in NO_NETWORK:
            return "; python steps have no network: the step may ask for it with network: true"
        waiting += [each.__cause__, each.__context__, *members_of(each)]
    return ""


def strip_paths(message):
    return re.sub(r" \((?:/|[A-Za-z]:\\)[^)]*\)", "", message)
