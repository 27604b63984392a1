"""A deployment from beginning to end, in Azure's and Entra's stead a world that refuses what they refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.cli.running import settings
from enforcer.core.exceptions import EnforcerError
from enforcer.deployment.api_step import ROLES
from enforcer.deployment.deploy import deploy
from sandbox.directory.faults import Effect, Fault
from sandbox.directory.objects import Application
from tests.deployment.conftest import Site
from tests.support.azure_world import TABLE_CONTRIBUTOR

pytestmark = pytest.mark.anyio


def registration(site: Site) -> Application:
    (found,) = site.tenant.each(Application)
    return found


async def test_a_deployment_makes_all_that_the_nightly_run_needs(site: Site) -> None:
    site.write()
    told = await site.deploy()
    identity = site.azure.identity()
    graph = site.tenant.application("00000003-0000-0000-c000-000000000000")
    assert site.tenant.roles_of(identity.id, graph) == [
        "GroupMember.Read.All",
        "User.Read.All",
        "User.RevokeSessions.All",
        "Policy.Read.All",
    ]
    assert site.tenant.owners[site.contractors.id] == [identity.id]
    assert site.azure.code
    assert site.azure.runs == ["run-1"]
    assert [line for line in told if line.startswith("[")] == [
        "[1/5] identity: the identity, its group and permissions, the API's registration",
        "[2/5] resources: the Azure resources",
        "[3/5] code: the function app's code",
        "[4/5] smoke-test: whether it is up, and closed to strangers",
        "[5/5] first-run: the first run, which only reports",
    ]


async def test_the_api_is_registered_with_its_roles_and_without_a_secret(site: Site) -> None:
    site.write()
    await site.deploy("identity")
    app = registration(site)
    assert [role.value for role in app.app_roles] == [role.value for role in ROLES]
    assert app.api["preAuthorizedApplications"][0]["appId"] == "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    (credential,) = app.credentials
    assert credential["subject"] == site.azure.identity().id
    api = site.tenant.application(app.app_id)
    assert api.app_role_assignment_required
    assert site.tenant.roles_of(site.operators.id, api) == ["Contractors.Offboard"]
    assert site.tenant.roles_of(site.administrator.id, api) == ["Contractors.Approve"]
    assert site.file.get("apiAudience") == app.app_id


async def test_a_deployment_again_changes_nothing_in_entra(site: Site) -> None:
    site.write()
    await site.deploy()
    site.azure.directory.sandbox.log.clear()
    site.azure.calls.clear()
    told = await site.deploy("identity", "resources")
    assert site.writes() == []
    assert "  nothing to do" in told
    written = [call for call in site.azure.calls if call[-1] in {"create", "delete", "update"}]
    assert written == []
    assert len(site.azure.ran("deployment group create")) == 1


async def test_a_rehearsal_changes_nothing_and_names_everything(site: Site) -> None:
    site.write(group="", new_group="Contractors (active)")
    changes = await site.rehearse()
    assert site.writes() == []
    assert not site.azure.groups
    assert changes[:3] == [
        "create the resource group rg-contractor-access in westeurope",
        "create the identity id-contractor-access",
        "create the group Contractors (active)",
    ]
    assert "give the identity User.Read.All" in changes
    assert any(change.startswith("register the API") for change in changes)


async def test_a_new_group_is_owned_by_the_identity_and_by_nobody_else(site: Site) -> None:
    site.write(group="", new_group="Contractors (active)")
    told = await site.deploy("identity")
    (group_id,) = site.file.several("groupIds")
    assert site.tenant.owners[group_id] == [site.azure.identity().id]
    assert f"  take you out of the owners of group {group_id}" in told
    assert site.file.several("groupIds") == (group_id,)
    # Once more: the group is found by its alternate key, not made again.
    await site.deploy("identity")
    assert site.file.several("groupIds") == (group_id,)


async def test_an_owner_whom_entra_keeps_is_told_what_that_means(site: Site) -> None:
    site.azure.directory.sandbox.configure(b'{"keep_a_person_as_owner": true}')
    site.write(group="", new_group="Contractors (active)")
    told = await site.deploy("identity")
    assert any("you remain an owner" in line and "past the register" in line for line in told)


async def test_without_directory_rights_the_administrator_gets_one_command(site: Site) -> None:
    site.write()
    site.azure.person = site.operator
    why = await site.refused()
    assert "enforcer deploy --tenant contoso --only identity" in why
    assert "give the identity User.Read.All" in why
    assert "Privileged Role Administrator" in why
    assert not site.azure.ran("deployment group create")

    site.azure.person = site.administrator
    await site.deploy("identity")
    site.azure.person = site.operator
    told = await site.deploy()
    assert "  nothing to do" in told
    assert site.azure.runs


async def test_a_deployment_interrupted_after_every_change_goes_on(site: Site) -> None:
    site.azure.providers.discard("Microsoft.Web")
    site.write(group="", new_group="Contractors (active)")
    for path in (
        "/groups",
        "/owners",
        "/applications",
        "/federated",
        "/servicePrincipals",
        "/appRoleAssignedTo",
    ):
        site.azure.directory.sandbox.faults.add(
            Fault(method="POST|PATCH|DELETE", path=path, effect=Effect.DROP_AFTER_EFFECT)
        )
    written = {
        "group create",
        "identity create",
        "deployment group create",
        "tag update",
        "provider register",
    }
    site.azure.interrupted = {*written, "functionapp deployment source config-zip"}
    stopped = 0
    for _ in range(12):
        try:
            await site.deploy()
        except EnforcerError as error:
            site.told.append(str(error))
            stopped += 1
        else:
            break
    else:
        pytest.fail("it does not come to an end")
    assert stopped == 6
    identity = site.azure.identity()
    (group_id,) = site.file.several("groupIds")
    assert site.tenant.owners[group_id] == [identity.id]
    assert len(registration(site).credentials) == 1
    assert len([*site.tenant.each(Application)]) == 1
    assert site.azure.runs == ["run-1"]


@pytest.mark.long
async def test_a_deployment_stopped_before_every_change_goes_on(site: Site) -> None:
    """As a person stops it: once at each line that it tells, and begun again each time."""
    site.azure.providers.discard("Microsoft.Web")
    site.write(group="", new_group="Contractors (active)")
    seen: set[str] = set()

    def stop(line: str) -> None:
        site.told.append(line)
        if line.startswith("  ") and not line.startswith("  will:") and line not in seen:
            seen.add(line)
            raise KeyboardInterrupt

    for _ in range(60):
        settings.cache_clear()
        try:
            await deploy(site.file, replace(site.order(), tell=stop))
        except KeyboardInterrupt:
            continue
        break
    else:
        pytest.fail("it does not come to an end")
    (group_id,) = site.file.several("groupIds")
    assert site.tenant.owners[group_id] == [site.azure.identity().id]
    assert len(registration(site).credentials) == 1
    assert len(site.azure.runs) <= 2
    assert len(seen) > 15


async def test_what_a_subscription_never_had_is_registered_once(site: Site) -> None:
    site.azure.providers -= {"Microsoft.Web", "Microsoft.Insights"}
    site.write()
    told = await site.deploy("identity", "resources")
    registered = [line for line in told if line.startswith("  register Microsoft.")]
    assert registered == [f"  register Microsoft.{name} in the subscription" for name in ("Insights", "Web")]


async def test_an_identity_that_entra_has_not_heard_of_is_waited_for(site: Site) -> None:
    site.azure.directory.sandbox.faults.add(
        Fault(
            method="POST",
            path="owners|appRoleAssignedTo",
            times=2,
            effect=Effect.ANSWER,
            status=400,
            code="Request_BadRequest",
            message="Not a valid reference update.",
        )
    )
    site.azure.fails(
        "deployment group create", "(PrincipalNotFound) Principal x does not exist in the directory."
    )
    site.write()
    told = await site.deploy()
    assert sum("waiting up to" in line for line in told) >= 2
    assert site.azure.runs


async def test_a_grant_that_exists_already_stops_nothing(site: Site) -> None:
    site.azure.directory.sandbox.faults.add(
        Fault(
            method="POST",
            path="appRoleAssignedTo",
            effect=Effect.ANSWER_AFTER_EFFECT,
            status=400,
            code="Request_BadRequest",
            message="EntitlementGrant entry already exists.",
        )
    )
    site.write()
    await site.deploy("identity")


async def test_a_role_assigned_by_hand_gives_way_to_the_templates(site: Site) -> None:
    site.write()
    await site.deploy("identity", "resources")
    account = next(one["id"] for one in site.azure.resources if one["type"].endswith("storageAccounts"))
    mine = next(
        one for one in site.azure.assignments if one["properties"]["principalId"] == site.operators.id
    )
    mine["name"] = "12345678-1234-1234-1234-123456789012"
    mine["id"] = f"{account}/providers/Microsoft.Authorization/roleAssignments/{mine['name']}"
    told = await site.deploy("resources")
    assert any("remove the role assignment 12345678" in line for line in told)


async def test_what_an_earlier_version_left_is_removed_and_named(site: Site) -> None:
    site.write()
    await site.deploy("identity", "resources")
    account = next(one["id"] for one in site.azure.resources if one["type"].endswith("storageAccounts"))
    rule = next(one for one in site.azure.resources if one["name"].endswith("-held"))
    # The one rule of all groups that there was, and that of a group which was taken off the list.
    gone = "no-complete-run-99999999-0000-0000-0000-000000000000"
    old_rules = [rule["name"].replace("-held", f"-{old}") for old in ("no-complete-run", gone)]
    for name in (*old_rules, "somebody-elses"):
        site.azure.add_resource("rg-contractor-access", "Microsoft.Insights/scheduledQueryRules", name)
    site.azure.assign(account, site.operator.id, TABLE_CONTRIBUTOR)
    foreign = site.azure.assign(
        account, site.operator.id, "foreign", name="aaaaaaaa-1234-1234-1234-123456789012"
    )
    told = await site.deploy("resources")
    removed = [line for line in told if "earlier version" in line]
    assert len(removed) == 3
    assert [line.rpartition(" ")[2] for line in removed[:2]] == old_rules
    assert any(site.operator.id in line for line in removed)
    assert foreign in [one["id"] for one in site.azure.assignments]
    assert "somebody-elses" in [one["name"] for one in site.azure.resources]


async def test_a_locked_retention_policy_is_left_as_it_is(site: Site) -> None:
    site.write()
    site.change("reportRetentionDays", "400")
    await site.deploy("identity", "resources")
    assert site.azure.policy is not None
    site.azure.policy["state"] = "Locked"
    told = await site.deploy("resources")
    assert any("locked" in line for line in told)
    assert "reportRetentionDays=0" in site.azure.ran("deployment group create")[-1]


async def test_an_app_that_is_open_to_strangers_fails_the_smoke_test(site: Site) -> None:
    site.write()
    site.azure.open_to_strangers = True
    why = await site.refused()
    assert "/status answers 200 to a caller without a token" in why
    assert "az functionapp stop" in why
    assert not site.azure.runs


async def test_going_from_enforce_to_report_is_said(site: Site) -> None:
    site.write(mode="enforce")
    await site.deploy("identity", "resources")
    site.change("mode", "report")
    told = await site.deploy("resources")
    assert any("nobody will be offboarded" in line for line in told)


async def test_what_was_deployed_is_in_the_resource_groups_tags(site: Site) -> None:
    site.write()
    await site.deploy("identity", "resources")
    tags = site.azure.groups["rg-contractor-access"]["tags"]
    assert tags["application"] == "contractor-access-enforcer"
    assert tags["enforcer-tables"].startswith("https://st")
    assert tags["enforcer-api"] == f"{site.azure.url}/api"
    assert tags["enforcer-mode"] == "report"


@pytest.mark.parametrize("wrong", ["signed out", "other tenant", "no rights in Azure"])
async def test_the_wrong_sign_in_is_told_in_a_line_with_the_command(site: Site, wrong: str) -> None:
    site.write()
    if wrong == "signed out":
        site.azure.person = None
        assert await site.refused() == f"Not signed in: run `az login --tenant {site.tenant.tenant_id}`"
    elif wrong == "other tenant":
        site.change("tenantId", "12345678-1234-1234-1234-123456789012")
        assert "run `az login --tenant 12345678-1234-1234-1234-123456789012`" in await site.refused()
    else:
        site.azure.may_write = False
        why = await site.refused()
        assert "Owner of the resource group rg-contractor-access is needed" in why
        assert "\n" not in why
