"""What real Jinja2 gives for templates: one JSON object {"template", "context"} a line in, {"value", "text"} a line out.

`value` is the expression's own value where the template is one whole expression, else the text. Errors are
{"$error": type}, undefined values {"$undefined": true}, values without JSON {"$other": repr}.
"""
import copy
import json
import math
import signal
import sys

import jinja2
from jinja2 import Environment
from jinja2.runtime import Undefined

env = Environment()


def encode(value, depth=0):
    if isinstance(value, Undefined):
        return {"$undefined": True}
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$other": repr(value)}
    if depth > 50:
        return {"$other": "deep"}
    if isinstance(value, dict):
        return {str(key) if not isinstance(key, str) else key: encode(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)) or type(value).__name__ in ("dict_keys", "dict_values", "dict_items"):
        return [encode(item, depth + 1) for item in value]
    if hasattr(value, "__next__"):
        return [encode(item, depth + 1) for item in value]
    return {"$other": type(value).__name__}


def attempt(work):
    signal.alarm(2)
    try:
        return work()
    except Exception as error:
        return {"$error": f"{type(error).__name__}: {error}"[:200]}
    finally:
        signal.alarm(0)


def whole_expression(source):
    """The expression of a template that is nothing else, or None."""
    try:
        body = env.parse(source).body
    except Exception:
        return None
    if len(body) != 1 or type(body[0]).__name__ != "Output" or len(body[0].nodes) != 1:
        return None
    if type(body[0].nodes[0]).__name__ == "TemplateData":
        return None
    return source.strip()[2:-2].strip("-+")


def answer(case):
    template, context = case["template"], case.get("context") or {}

    def text():
        return env.from_string(template).render(**copy.deepcopy(context))

    def value():
        expression = whole_expression(template)
        if expression is None:
            return text()
        return encode(env.compile_expression(expression, undefined_to_none=False)(**copy.deepcopy(context)))

    return {"value": attempt(value), "text": attempt(text)}


def stop(*_):
    raise TimeoutError("too slow")


signal.signal(signal.SIGALRM, stop)
print(json.dumps({"version": jinja2.__version__}), flush=True)
for line in sys.stdin:
    result = answer(json.loads(line))
    try:
        print(json.dumps(result), flush=True)
    except ValueError:
        print(json.dumps({"value": {"$error": "no JSON"}, "text": {"$error": "no JSON"}}), flush=True)
