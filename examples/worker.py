"""A worker for Transient, one task at a time: python3 worker.py URL POOL; TRANSIENT_KEY holds the key, if any."""
import json, os, signal, sys, threading, time, urllib.error, urllib.request

URL, POOL = sys.argv[1].rstrip("/"), sys.argv[2]
KEY = os.environ.get("TRANSIENT_KEY")
HEADERS = {"content-type": "application/json", **({"authorization": f"Bearer {KEY}"} if KEY else {})}
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())


def post(path, body, timeout=40, headers=HEADERS):
    request = urllib.request.Request(f"{URL}/api/{path}", json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def set_variables(task, values):
    """Writes variables of the task's execution while it runs, as its step: the task's token is the credential for that."""
    bearer = {**HEADERS, "authorization": f"Bearer {task['token']}"}
    return post(f"vars/{task['execution_id']}", {"variables": values, "source_step": task["step"]}, headers=bearer)


def handle(task, stop):
    """What this worker can do. `stop` is set when the task is no longer ours or its time is up: a long job should look at it."""
    numbers = task["input"].get("args", {}).get("numbers", [])
    set_variables(task, {"numbers_seen": len(numbers)})
    return {"sum": sum(numbers), "pid": os.getpid(), "key": task["idempotency_key"]}


def attempt(task, stop):
    """Runs the task within its time. A job that goes on all the same is left to itself: its result is dropped."""
    reports = []

    def work():
        try:
            reports.append({"result": handle(task, stop)})
        except Exception as error:
            reports.append({"error": {"code": "TOOL_FAILED", "message": f"{type(error).__name__}: {error}"}})

    thread, seconds = threading.Thread(target=work, daemon=True), task["timeout_ms"] / 1000
    thread.start()
    thread.join(seconds)
    stop.set()
    return reports[0] if reports else {"error": {"code": "TIMEOUT", "message": f"no result after {seconds} s"}}


def keep_lease(task, ticket, done, lost, stop):
    while not done.wait(task["lease_ms"] / 3000):
        try:
            post(f"tasks/{task['id']}/heartbeat", ticket, timeout=10)
        except urllib.error.HTTPError as error:
            if error.code in (404, 409):  # another worker has it, or it was withdrawn
                return lost.set(), stop.set()
        except OSError:
            pass  # the server is away: it may be back before the lease ends


def run(task):
    ticket, (done, lost, stop) = {"attempt": task["attempt"], "token": task["token"]}, (threading.Event() for _ in range(3))
    threading.Thread(target=keep_lease, args=(task, ticket, done, lost, stop), daemon=True).start()
    report = attempt(task, stop)
    while not lost.is_set():  # repeating a completion is harmless
        try:
            return post(f"tasks/{task['id']}/complete", {**ticket, **report}), done.set()
        except OSError as error:
            code = getattr(error, "code", 503)
            if code in (404, 409) or (code < 500 and code != 429 and "error" in report):
                break  # no longer ours: its result is dropped
            if code < 500 and code != 429:
                report = {"error": {"code": "TOOL_FAILED", "message": f"the result was refused with status {code}"}}
            time.sleep(0.5)
    done.set()


while not stopping.is_set():
    try:
        task = post("tasks/claim", {"pool": POOL, "worker_id": f"python-{os.getpid()}", "wait_ms": 5000})
        if task:
            run(task)
    except OSError as error:
        print(f"waiting for {URL}: {error}", file=sys.stderr)
        time.sleep(1)
