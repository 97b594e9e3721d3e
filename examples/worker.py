"""A worker for Transient: python3 worker.py URL POOL [TASKS AT ONCE]; TRANSIENT_KEY holds the key, if any."""
import http.client, json, os, queue, signal, sys, threading, time, urllib.parse

URL, POOL, SLOTS = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1
KEY = os.environ.get("TRANSIENT_KEY")
HEADERS = {"content-type": "application/json", **({"authorization": f"Bearer {KEY}"} if KEY else {})}
MOST = 250  # tasks in one request
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
kept = threading.local()  # each thread keeps its connection


class Refused(Exception):
    """What the server answered with instead."""

    def __init__(self, problem):
        super().__init__(problem.get("detail"))
        self.code, self.status = problem.get("code"), problem.get("status", 500)
        self.may_pass = self.status == 429 or self.status >= 500


def post(path, body, headers=HEADERS):
    connect = http.client.HTTPSConnection if URL.scheme == "https" else http.client.HTTPConnection
    # A kept connection may have been closed since: then once more on a new one.
    for is_last in (getattr(kept, "connection", None) is None, True):
        connection = kept.connection = getattr(kept, "connection", None) or connect(URL.netloc, timeout=40)
        try:
            connection.request("POST", f"{URL.path.rstrip('/')}/api/{path}", json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
            break
        except (OSError, http.client.HTTPException) as error:
            kept.connection = connection.close()
            if is_last:
                raise OSError(str(error)) from error
    if 200 <= response.status < 300:
        return json.loads(text)
    is_problem = "problem+json" in response.headers.get("content-type", "")
    raise Refused(json.loads(text) if is_problem else {"detail": f"status {response.status}", "status": response.status})


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
            result = handle(task, stop)
            json.dumps(result)
            reports.append({"result": result})
        except Exception as error:
            reports.append({"error": {"code": "TOOL_FAILED", "message": f"{type(error).__name__}: {error}"}})

    thread, seconds = threading.Thread(target=work, daemon=True), task["timeout_ms"] / 1000
    thread.start()
    thread.join(seconds)
    stop.set()
    return reports[0] if reports else {"error": {"code": "TIMEOUT", "message": f"no result after {seconds} s"}}


held = {}  # what runs here: by id the task, and the event that stops it
finished = queue.SimpleQueue()  # tasks with their reports


def ticket(task):
    return {"id": task["id"], "attempt": task["attempt"], "token": task["token"]}


def run(task):
    stop = threading.Event()
    held[task["id"]] = (task, stop)
    threading.Thread(target=lambda: finished.put((task, attempt(task, stop))), daemon=True).start()


def keep_leases():
    """One heartbeat for all that runs, at each third of the lease."""
    while True:
        running = list(held.values())
        time.sleep(running[0][0]["lease_ms"] / 3000 if running else 0.2)
        running = list(held.values())
        try:
            for first in range(0, len(running), MOST):
                answers = post("tasks/heartbeat", {"tasks": [ticket(task) for task, _ in running[first : first + MOST]]})
                for answer in answers["tasks"]:
                    # Another worker has it, or it was withdrawn.
                    if answer.get("problem", {}).get("code") in ("CONFLICT", "NOT_FOUND") and answer["id"] in held:
                        held[answer["id"]][1].set()
        except (OSError, Refused):
            pass  # the server is away: it may be back before the leases end


def report(ended):
    """Sends reports together until each was understood; repeating one is harmless."""
    while ended:
        try:
            together = [{**ticket(task), **outcome} for task, outcome in ended]
            answers = post("tasks/complete", {"tasks": together})["tasks"]
        except OSError:
            answers = [{"problem": {"status": 503}}] * len(ended)
        except Refused as refused:
            if not refused.may_pass and len(ended) > 1:  # too large together
                return [report([one]) for one in ended]
            answers = [{"problem": {"code": refused.code, "status": refused.status}}] * len(ended)
        again = []
        for (task, outcome), problem in zip(ended, (answer.get("problem") for answer in answers)):
            if problem and (problem["status"] == 429 or problem["status"] >= 500):
                again.append((task, outcome))
            elif problem and problem["code"] not in ("CONFLICT", "NOT_FOUND") and "error" not in outcome:
                message = f"the result was refused with status {problem['status']}"
                again.append((task, {"error": {"code": "TOOL_FAILED", "message": message}}))
            else:
                held.pop(task["id"], None)
        ended = again
        if ended:
            time.sleep(0.5)


def report_all():
    while True:
        ended = [finished.get()]
        while not finished.empty() and len(ended) < MOST:
            ended.append(finished.get())
        report(ended)


for job in (keep_leases, report_all):
    threading.Thread(target=job, daemon=True).start()
while not stopping.is_set():
    room = min(SLOTS - len(held), MOST)
    if room == 0:
        time.sleep(0.01)
        continue
    try:
        claim = {"pool": POOL, "worker_id": f"python-{os.getpid()}", "wait_ms": 5000, "max": room}
        for task in post("tasks/claim", claim)["tasks"]:
            run(task)
    except (OSError, Refused) as error:
        print(f"waiting for {sys.argv[1]}: {error}", file=sys.stderr)
        time.sleep(1)
while held:
    time.sleep(0.05)
