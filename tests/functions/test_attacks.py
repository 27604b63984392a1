"""What one person with one role tries in order to empty a group, over HTTP on Microsoft's worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.data.tables import TableClient

from enforcer.storage.tables.enforcements import TABLE as RECORDS
from enforcer.storage.tables.plans import TABLE as PLANS
from sandbox.azurite import StorageEndpoints
from sandbox.directory.objects import Group, User
from tests.conftest import NewAccount
from tests.support.http_app import HttpApp, running_http_app

# Each attack has a group of its own, of 12 people, of whom the brake lets three through.
_NAMES = ("one by one", "by end dates", "all at once", "by forged rows")
_SIZE, _MOST = 12, 3
_SETTINGS = {"ENFORCER_DISABLE_ACCOUNTS": "all", "ENFORCER_BRAKE_COUNT": str(_MOST)}
_PAST, _REASON = "2026-01-31", {"reason": "left"}
_GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"


@pytest.fixture(scope="module")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="module")
def app(azurite: StorageEndpoints) -> Iterator[HttpApp]:
    with running_http_app(azurite, [], groups=_NAMES, **_SETTINGS) as running:
        yield running


def _filled(app: HttpApp, name: str) -> tuple[Group, list[User]]:
    group = app.groups[1 + _NAMES.index(name)]
    return group, [app.contractor(f"{name} {number}", group) for number in range(_SIZE)]


def _approve(app: HttpApp, digest: str) -> httpx.Response:
    approver = app.token(user=app.company.approver.id)
    return app.http.post(f"plans/{digest}/approval", headers={"Authorization": f"Bearer {approver}"})


def _swept(app: HttpApp, group: Group) -> Any:
    reply = app.call("POST", "sweeps", json={"group_id": group.id})
    assert reply.status_code == 202, reply.text
    run = app.ended(f"runs/{reply.json()['run_id']}")
    assert run["state"] == "complete", run
    return run["runs"][0]


def _end(app: HttpApp, group: Group, people: list[User]) -> None:
    for one in people:
        body = {"end_date": _PAST, "group_id": group.id}
        reply = app.call("PUT", f"contractors/{one.id}?past=true", json=body)
        assert reply.status_code == 201, reply.text


def test_offboardings_one_by_one_end_at_the_brake(app: HttpApp) -> None:
    """Found: 40 single offboardings in 40 seconds, without an event."""
    group, people = _filled(app, "one by one")

    replies = [app.call("POST", f"contractors/{one.id}/offboard", json=_REASON) for one in people[:5]]

    assert [reply.status_code for reply in replies] == [200] * _MOST + [409] * 2
    assert len(app.members(group)) == _SIZE - _MOST
    held = replies[-1].json()
    assert held["code"] == "held"
    own = app.call("POST", f"plans/{held['digest']}/approval")
    assert (own.status_code, own.json()["code"]) == (403, "missing_role")
    assert app.call("POST", f"contractors/{people[4].id}/offboard", json=_REASON).status_code == 409
    assert _approve(app, held["digest"]).status_code == 200
    assert app.call("POST", f"contractors/{people[4].id}/offboard", json=_REASON).status_code == 200
    assert len(app.members(group)) == _SIZE - _MOST - 1


def test_ends_brought_forward_and_swept_in_small_steps_end_at_the_brake(app: HttpApp) -> None:
    """Found: 37 of 40 members gone in 93 seconds, by `PUT` and `POST /sweeps`."""
    group, people = _filled(app, "by end dates")
    held = []
    for step in (people[:2], people[2:4], people[4:]):
        _end(app, group, step)
        held.append(_swept(app, group)["held"])

    assert held == [False, True, True]
    assert len(app.members(group)) == _SIZE - 2


def test_everybody_in_one_call_waits_for_one_approval(app: HttpApp) -> None:
    group, people = _filled(app, "all at once")
    body = {"users": [one.id for one in people], **_REASON}

    held = app.call("POST", "offboardings", json=body)

    assert (held.status_code, held.json()["code"]) == (409, "held")
    assert len(app.members(group)) == _SIZE
    assert _approve(app, held.json()["digest"]).status_code == 200
    done = app.call("POST", "offboardings", json=body)
    assert done.status_code == 200, done.text
    assert not app.members(group)


def test_rows_written_past_the_enforcer_release_nobody(app: HttpApp, azurite: StorageEndpoints) -> None:
    """Found: `ApprovedBy` a stranger ran a held plan, and `State=offboarding` bypassed the brake."""
    group, people = _filled(app, "by forged rows")
    _end(app, group, people)
    digest = _swept(app, group)["digest"]

    with _table(azurite, PLANS) as plans, _table(azurite, RECORDS) as records:
        approval = {"ApprovedAt": "2026-11-30T00:00:00Z", "ApprovedBy": "stranger", "Approval": 1}
        plans.update_entity({"PartitionKey": digest, "RowKey": "plan", **approval})
        for one in people:
            records.upsert_entity(
                {"PartitionKey": group.id, "RowKey": one.id, "UserId": one.id, "State": "offboarding"}
            )

    assert _swept(app, group)["held"]
    assert len(app.members(group)) == _SIZE


def test_break_glass_account_is_not_touched(app: HttpApp) -> None:
    """Found: a break-glass account's sessions were revoked; after a `PUT` it was disabled."""
    [account, _] = app.company.break_glass
    before = len(app.directory.sandbox.log.entries)
    body = {"end_date": "2099-01-31", "group_id": app.groups[0].id}
    assert app.call("PUT", f"contractors/{account.id}", json=body).status_code == 201

    reply = app.call("POST", f"contractors/{account.id}/offboard", json=_REASON)

    assert (reply.status_code, reply.json()["code"]) == (409, "not_a_contractor")
    assert account.account_enabled
    asked = app.directory.sandbox.log.after(before)
    assert not [entry for entry in asked if account.id in entry.path and "revoke" in entry.path]


def test_contractor_with_a_directory_role_is_not_disabled(app: HttpApp) -> None:
    group = app.groups[0]
    chief = app.directory.tenant.add_user("Chief Contractor", directory_roles=[_GLOBAL_ADMINISTRATOR])
    app.directory.tenant.add_member(group, chief)

    reply = app.call("POST", f"contractors/{chief.id}/offboard", json=_REASON)

    assert reply.status_code == 200, reply.text
    assert chief.id not in app.members(group)
    assert chief.account_enabled
    assert "Global Administrator" in reply.text


def _table(azurite: StorageEndpoints, name: str) -> TableClient:
    return TableClient.from_connection_string(azurite.connection_string, name)
