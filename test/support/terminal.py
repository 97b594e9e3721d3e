"""Runs a command as the foreground job of a terminal of its own. Lines of stdin say what to do; each is answered by one line of JSON, [answer, what was shown].

  until TEXT    waits until TEXT is shown
  forget        what was shown so far
  key HEX       presses a key
  state STATE   waits until the command "runs", is "stopped", or has ended: "exit N" or a signal's name; answers how it is
  continue      as `fg` does
"""
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
import threading

WITHIN_S = 60


def describe(status):
    if os.WIFSTOPPED(status):
        return "stopped"
    if os.WIFCONTINUED(status):
        return "runs"
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


def lead_session(report):
    """What a shell is to its jobs: without one, nobody in the session can be stopped."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(sys.argv[1], sys.argv[1:])
    os.write(report, f"{job}\n".encode())
    while True:
        state = describe(os.waitpid(job, os.WUNTRACED | os.WCONTINUED)[1])
        os.write(report, f"{state}\n".encode())
        if state not in ("runs", "stopped"):
            signal.pause()


reports, report = os.pipe()
leader, terminal = pty.fork()
if leader == 0:
    lead_session(report)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
states = os.fdopen(reports)
job = int(states.readline())
shown, state, changed = "", "runs", threading.Condition()


def follow_screen():
    global shown
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            return
        with changed:
            shown += data.decode(errors="replace")
            changed.notify_all()


def follow_state():
    global state
    for line in states:
        with changed:
            state = line.strip()
            changed.notify_all()


for follow in (follow_screen, follow_state):
    threading.Thread(target=follow, daemon=True).start()

for line in sys.stdin:
    order, _, rest = line.rstrip("\n").partition(" ")
    with changed:
        answer = True
        if order == "until":
            answer = changed.wait_for(lambda: rest in shown, WITHIN_S)
        elif order == "forget":
            shown = ""
        elif order == "key":
            os.write(terminal, bytes.fromhex(rest))
        elif order == "state":
            changed.wait_for(lambda: state == rest, WITHIN_S)
            answer = state
        elif order == "continue":
            os.killpg(job, signal.SIGCONT)
        print(json.dumps([answer, shown]), flush=True)

if state in ("runs", "stopped"):
    os.killpg(job, signal.SIGKILL)
os.kill(leader, signal.SIGKILL)
