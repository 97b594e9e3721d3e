"""A worker's client as NoETL's vars documentation describes it, on urllib so that it needs nothing beside Python."""

import json
import sys
import urllib.error
import urllib.request


def call(method: str, url: str, body: dict | None = None) -> dict:
    request = urllib.request.Request(url, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def get_execution_variables(execution_id: int, server_url: str) -> dict:
    data = call("GET", f"{server_url}/api/vars/{execution_id}")
    return {var_name: var_data["value"] for var_name, var_data in data["variables"].items()}


def set_execution_variable(
    execution_id: int, var_name: str, var_value: object, server_url: str, source_step: str | None = None
) -> bool:
    body = {"variables": {var_name: var_value}, "var_type": "user_defined", "source_step": source_step}
    call("POST", f"{server_url}/api/vars/{execution_id}", body)
    return True


def main(server_url: str, execution_id: int) -> dict:
    seen = {"before": get_execution_variables(execution_id, server_url)}
    values = {"user_id": 12345, "parent": execution_id, "ratio": 0.5, "tags": ["a", None], "nothing": None, "note": "01234"}
    for name, value in values.items():
        assert set_execution_variable(execution_id, name, value, server_url, "worker_step")
    seen["all"] = get_execution_variables(execution_id, server_url)
    assert seen["all"] == values and list(seen["all"]) == list(values), seen["all"]
    seen["answer"] = call("POST", f"{server_url}/api/vars/{execution_id}", {"variables": {"a": 1, "b": 2}})
    seen["first_read"] = call("GET", f"{server_url}/api/vars/{execution_id}/user_id")
    seen["second_read"] = call("GET", f"{server_url}/api/vars/{execution_id}/user_id")
    seen["deleted"] = call("DELETE", f"{server_url}/api/vars/{execution_id}/a")
    seen["deleted_again"] = call("DELETE", f"{server_url}/api/vars/{execution_id}/a")
    try:
        call("GET", f"{server_url}/api/vars/{execution_id}/a")
    except urllib.error.HTTPError as error:
        seen["gone"] = {"status": error.code, "body": json.load(error)}
    seen["cleaned_up"] = call("DELETE", f"{server_url}/api/vars/{execution_id}")
    seen["after"] = get_execution_variables(execution_id, server_url)
    for name in ["answer", "first_read", "deleted", "cleaned_up"]:
        assert seen[name]["execution_id"] == execution_id, f"{name} lost digits: {seen[name]}"
    return seen


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
