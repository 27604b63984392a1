import contextlib
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from sandbox.directory import (
    Attempt,
    DirectoryServer,
    Fault,
    Flaw,
    Tenant,
    TokenRequest,
    directory_in_thread,
    dump,
    load,
)
from sandbox.directory.client import SandboxClient
from tests.sandbox.directory.conftest import GRAPH


@pytest.fixture(scope="module")
def server() -> Iterator[DirectoryServer]:
    with directory_in_thread() as server:
        yield server


@pytest.fixture
def sandbox(server: DirectoryServer) -> Iterator[SandboxClient]:
    with SandboxClient.at(server.url) as client:
        client.load(example())
        client.clear_log()
        yield client
        client.heal()


def example() -> Tenant:
    tenant = Tenant("77777777-7777-7777-7777-777777777777")
    ada = tenant.add_user("Ada Lovelace", user_principal_name="ada@contoso.example")
    gus = tenant.add_guest("Gus Guest", "gus@partner.example", account_enabled=False, privileged=True)
    group = tenant.add_group("Contractors", members=[ada, gus])
    identity = tenant.add_managed_identity("enforcer", "User.Read.All")
    tenant.owners[group.id].append(identity.id)
    return tenant


def graph(sandbox: SandboxClient, method: str, path: str) -> httpx.Response:
    request = TokenRequest(audience=GRAPH, user="ada@contoso.example")
    headers = {"Authorization": f"Bearer {sandbox.token(request)}"}
    return httpx.request(method, f"{sandbox.url}/v1.0{path}", headers=headers, trust_env=False)


def test_a_tenant_survives_the_way_to_a_file_and_back(sandbox: SandboxClient) -> None:
    tenant = example()
    again = load(dump(tenant))
    assert dump(again) == dump(tenant)
    assert again.identity is not None
    assert again.identity.app_id == (tenant.identity.app_id if tenant.identity else None)
    assert again.roles_of(again.identity.id, again.application("https://graph.microsoft.com")) == [
        "User.Read.All"
    ]


def test_a_tenant_is_loaded_and_shown(sandbox: SandboxClient) -> None:
    shown = sandbox.tenant()
    assert [one.display_name for one in shown.users] == ["Ada Lovelace", "Gus Guest"]
    assert [len(one.members) for one in shown.groups] == [2]


def test_a_tenant_that_cannot_be_read_is_refused(sandbox: SandboxClient) -> None:
    for content in (b"{", b'{"users": 1}', b'{"people": []}'):
        response = httpx.put(f"{sandbox.url}/sandbox/tenant", content=content, trust_env=False)
        assert response.status_code == 400
    assert sandbox.tenant().users


def test_an_object_is_changed_behind_graphs_back(sandbox: SandboxClient) -> None:
    gus = sandbox.tenant().users[1]
    sandbox.change(gus.id, {"accountEnabled": True, "userPrincipalName": "gus@contoso.example"})
    assert graph(sandbox, "GET", "/users/gus@contoso.example").json()["id"] == gus.id
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        sandbox.change("88888888-8888-8888-8888-888888888888", {})


def test_the_log_says_what_was_asked_and_by_whom(sandbox: SandboxClient) -> None:
    graph(sandbox, "GET", "/users/ada@contoso.example?$select=id")
    graph(sandbox, "GET", "/users/nobody@contoso.example")
    first, second = sandbox.log(path="/v1.0/users")
    assert (first.method, first.status, first.resource_units, first.writes) == ("GET", 200, 1, 0)
    assert first.path == "/v1.0/users/ada@contoso.example?$select=id"
    assert first.app_id
    assert sandbox.log(after=first.number) == [second]
    counts = sandbox.counts()
    assert (counts.requests, counts.by_status) == (2, {"200": 1, "404": 1})
    assert counts.by_operation == {"GET /v1.0/users/{id}": 2}


def test_faults_are_ordered_and_cleared(sandbox: SandboxClient) -> None:
    sandbox.inject(Fault(path="/users", times=None, status=502))
    assert graph(sandbox, "GET", "/users").status_code == 502
    sandbox.heal()
    assert graph(sandbox, "GET", "/users").status_code == 200
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        sandbox.inject(Fault(path="("))


def test_settings_are_changed_one_by_one(sandbox: SandboxClient) -> None:
    sandbox.configure({"read_quota": {"limit": 2, "seconds": 10}})
    assert [graph(sandbox, "GET", "/users?$select=id").status_code for _ in range(3)] == [200, 200, 429]
    sandbox.advance_clock(20)
    assert graph(sandbox, "GET", "/users").status_code == 200
    sandbox.configure({"read_quota": None})
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        sandbox.configure({"no_such_setting": 1})


def test_the_clock_runs_at_the_given_speed(sandbox: SandboxClient) -> None:
    sandbox.run_clock_at(1_000)
    clock = httpx.get(f"{sandbox.url}/sandbox/clock", trust_env=False).json()
    assert clock["speed"] == 1_000
    sandbox.run_clock_at(1)


def test_tokens_good_and_bad_are_issued(sandbox: SandboxClient) -> None:
    good = TokenRequest(audience=GRAPH, user="ada@contoso.example")
    bad = msgspec.structs.replace(good, flaw=Flaw.EXPIRED)
    for request, status in ((good, 200), (bad, 401)):
        headers = {"Authorization": f"Bearer {sandbox.token(request)}"}
        assert httpx.get(f"{sandbox.url}/v1.0/users", headers=headers, trust_env=False).status_code == status
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        sandbox.token(TokenRequest(audience=GRAPH, user="nobody"))


def test_tokens_signed_with_a_retired_key_are_refused(sandbox: SandboxClient) -> None:
    token = sandbox.token(TokenRequest(audience=GRAPH, user="ada@contoso.example"))
    headers = {"Authorization": f"Bearer {token}"}
    sandbox.rotate_keys()
    assert httpx.get(f"{sandbox.url}/v1.0/users", headers=headers, trust_env=False).status_code == 200
    sandbox.retire_keys()
    assert httpx.get(f"{sandbox.url}/v1.0/users", headers=headers, trust_env=False).status_code == 401


def test_a_sign_in_is_tried(sandbox: SandboxClient) -> None:
    tried = Attempt(user="ada@contoso.example", app="99999999-9999-9999-9999-999999999999")
    assert sandbox.sign_in(tried).reason == "granted"


def test_a_sandbox_ends_with_its_context() -> None:
    with directory_in_thread() as server:
        url = f"{server.url}/sandbox/counts"
        assert httpx.get(url, trust_env=False).status_code == 200
    with contextlib.suppress(httpx.ConnectError):
        httpx.get(url, trust_env=False)
        pytest.fail("it still answers")
