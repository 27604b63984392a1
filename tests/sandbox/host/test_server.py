import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.host.process import HostProcess, running_host
from tests.sandbox.host.conftest import SettingsFor


@pytest.fixture
def client(running: HostProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url) as client:
        yield client


def test_a_request_reaches_its_function_whole(client: httpx.Client, running: HostProcess) -> None:
    reply = client.post("/api/echo/ann%40contoso.com?top=5&empty=", content="grüße", headers={"x-a": "1"})
    seen = reply.json()
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-sample"] == "yes"
    assert seen["url"] == f"{running.url}/api/echo/ann%40contoso.com?top=5&empty="
    assert seen["name"] == "ann@contoso.com"
    assert seen["query"] == {"top": "5", "empty": ""}
    assert seen["body"] == "grüße"
    assert seen["headers"]["x-a"] == "1"


def test_identity_headers_from_outside_do_not_pass(client: httpx.Client) -> None:
    forged = {
        "X-MS-CLIENT-PRINCIPAL": "e30=",
        "x-ms-client-principal-id": "1",
        "X-MS-TOKEN-AAD-ID-TOKEN": "t",
    }
    seen = client.get("/api/echo/x", headers={**forged, "X-Forwarded-Host": "evil.example"}).json()
    assert [name for name in seen["headers"] if name.startswith("x-ms-")] == []
    assert seen["headers"]["x-forwarded-host"] == seen["headers"]["host"]


def test_identity_headers_pass_if_app_service_is_in_front(app: Path, settings: SettingsFor) -> None:
    behind = ["--callers", "behind-app-service", "--no-queues"]
    with running_host(app, settings=settings("behind"), arguments=behind) as host:
        seen = httpx.get(f"{host.url}/api/echo/x", headers={"X-MS-CLIENT-PRINCIPAL": "e30="}).json()
    assert seen["headers"]["x-ms-client-principal"] == "e30="


def test_replies_of_all_kinds(client: httpx.Client) -> None:
    assert client.get("/api/echo/me").text == "it is me"
    assert client.get("/api/boom").status_code == 500
    assert client.get("/api/boom").content == b""
    assert client.get("/api/none").status_code == 404
    assert client.get("/api/sign-in").status_code == 404
    signed_in = client.post("/api/sign-in")
    assert signed_in.status_code == 204
    cookie = signed_in.headers["set-cookie"]
    assert set(cookie.split("; ")) == {
        "session=abc",
        "Path=/",
        "HttpOnly",
        "Secure",
        "SameSite=Strict",
        "Max-Age=60",
    }


def test_the_admin_route_fires_timers_and_returns_the_outcome(client: httpx.Client) -> None:
    nightly = client.post("/admin/functions/nightly", json={"input": {"IsPastDue": True}})
    assert nightly.status_code == 200
    assert nightly.json()["state"] == "succeeded"
    assert nightly.json()["logs"][0].endswith("past due: True")
    weekly = client.post("/admin/functions/weekly", json={"input": ""})
    assert weekly.status_code == 500
    assert weekly.json()["error"] == "ValueError: not this week"


def test_the_admin_route_hands_messages_to_queue_functions(client: httpx.Client) -> None:
    run = client.post("/admin/functions/work", json={"input": '{"id": 8}'})
    assert run.json()["outputs"] == {"result": '{"done": 8, "attempt": 1}'}


def test_the_admin_route_need_not_wait(client: httpx.Client) -> None:
    def ended() -> list[str]:
        runs = client.get("/admin/invocations", params={"function": "given_up"}).json()
        return [run["state"] for run in runs if run["finished_at"]]

    assert client.post("/admin/functions/given_up?wait=false", json={"input": "x"}).status_code == 202
    deadline = time.monotonic() + 10
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended() == ["succeeded"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/admin/functions/nobody", "", 404),
        ("/admin/functions/echo", "", 400),
        ("/admin/functions/nightly", "{", 400),
        ("/admin/functions/nightly", '{"input": 5}', 400),
    ],
)
def test_the_admin_route_refuses_what_it_cannot_run(
    client: httpx.Client, path: str, body: str, status: int
) -> None:
    reply = client.post(path, content=body)
    assert reply.status_code == status
    assert reply.json()["error"]


def test_the_functions_are_listed(client: httpx.Client) -> None:
    names = {function["name"] for function in client.get("/admin/functions").json()}
    assert {"nightly", "weekly", "echo", "work", "given_up"} <= names
    assert client.get("/admin/host/status").json() == {"state": "Running", "functions": len(names)}
