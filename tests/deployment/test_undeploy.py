"""What `enforcer undeploy` takes away, and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enforcer.core.exceptions import EnforcerError
from enforcer.deployment.undeploy import Removal, rehearse_removal, undeploy
from sandbox.directory.objects import Application
from tests.deployment.conftest import Site

pytestmark = pytest.mark.anyio


def removal(site: Site, *blocked: str) -> Removal:
    async def export() -> str:
        site.told.append("exporting")
        return "exported"

    async def names() -> list[str]:
        return list(blocked)

    return Removal(
        order=site.order(), export=export, blocked=names, now=datetime(2026, 11, 30, 12, tzinfo=UTC)
    )


async def test_everything_that_was_deployed_is_removed_and_named(site: Site) -> None:
    site.write(group="", new_group="Contractors (active)")
    site.change("reportRetentionDays", "400")
    await site.deploy("identity", "resources")
    (group_id,) = site.file.several("groupIds")
    site.told.clear()
    await undeploy(site.file, removal(site, "anna@contoso.com"))
    assert site.azure.resources == []
    assert site.azure.groups == {}
    assert site.tenant.group(group_id) is None
    assert [*site.tenant.each(Application)] == []
    # Exported first, then who would be let in, then each thing, then the deed.
    said = "\n".join(site.told)
    marks = ("exporting", "anna@contoso.com", "will: delete storageAccounts", "\n  delete storageAccounts")
    places = [said.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "remove the reports' retention policy of 400 days" in said
    assert "lift the lock of st" in said


async def test_the_leavers_group_is_owned_as_long_as_it_is_deployed(site: Site) -> None:
    left = site.tenant.add_group("Contractors who have left")
    site.tenant.owners[left.id] = [site.operator.id]
    site.write()
    site.change("leaversGroup", left.id)
    await site.deploy()
    assert site.tenant.owners[left.id] == [site.operator.id, site.azure.identity().id]
    await undeploy(site.file, removal(site))
    assert site.tenant.owners[left.id] == [site.operator.id]


async def test_of_a_group_that_existed_only_the_ownership_is_removed(site: Site) -> None:
    carla = site.tenant.add_user("Carla Contractor")
    site.tenant.add_member(site.contractors, carla)
    site.tenant.owners[site.contractors.id].append(site.operator.id)
    site.write()
    await site.deploy("identity", "resources")
    await undeploy(site.file, removal(site))
    assert site.tenant.group(site.contractors.id) is not None
    assert carla.id in site.tenant.members[site.contractors.id]
    assert site.tenant.owners[site.contractors.id] == [site.operator.id]


async def test_what_somebody_else_put_into_the_resource_group_stays(site: Site) -> None:
    site.write()
    await site.deploy("identity", "resources")
    other = site.azure.add_resource(
        "rg-contractor-access", "Microsoft.KeyVault/vaults", "vault", {"owner": "sec"}
    )
    await undeploy(site.file, removal(site))
    assert [one["id"] for one in site.azure.resources] == [other]
    assert site.azure.groups["rg-contractor-access"]["tags"] == {"application": "contractor-access-enforcer"}


async def test_a_rehearsed_removal_removes_nothing(site: Site) -> None:
    site.write()
    await site.deploy("identity", "resources")
    site.azure.directory.sandbox.log.clear()
    before = [*site.azure.resources]
    changes = await rehearse_removal(site.file, removal(site))
    assert any(change.startswith("delete the API's registration") for change in changes)
    assert site.azure.resources == before
    assert site.writes() == []


async def test_a_locked_retention_policy_stops_it_and_says_until_when(site: Site) -> None:
    site.write()
    site.change("reportRetentionDays", "400")
    await site.deploy("identity", "resources")
    assert site.azure.policy is not None
    site.azure.policy["state"] = "Locked"
    site.azure.blobs = [{"properties": {"creationTime": "2026-11-29T00:31:00+00:00"}}]
    with pytest.raises(EnforcerError, match=r"before 2028-01-03\. Nothing was removed"):
        await undeploy(site.file, removal(site))
    assert site.azure.resources


async def test_a_removal_that_is_not_agreed_to_removes_nothing(site: Site) -> None:
    site.write()
    await site.deploy("identity", "resources")
    before = [*site.azure.resources]
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        # Who would be let in, and each thing, was named before.
        assert any("Conditional Access keeps them out: anna@contoso.com" in line for line in site.told)
        assert any(line.startswith("  will: delete storageAccounts") for line in site.told)
        return False

    refusing = removal(site, "anna@contoso.com")
    refusing = replace(refusing, order=replace(refusing.order, confirm=refuse))
    with pytest.raises(EnforcerError, match="nothing was removed"):
        await undeploy(site.file, refusing)
    (question,) = asked
    assert "Nobody is offboarded afterwards" in question
    assert site.azure.resources == before
    assert [*site.tenant.each(Application)]


@pytest.mark.long
async def test_an_interrupted_removal_goes_on(site: Site) -> None:
    site.write()
    await site.deploy("identity", "resources")
    site.azure.interrupted = {"lock delete", "resource delete", "group delete"}
    stopped = 0
    for _ in range(12):
        try:
            await undeploy(site.file, removal(site))
        except EnforcerError as error:
            site.told.append(str(error))
            stopped += 1
        else:
            break
    else:
        pytest.fail("it does not come to an end")
    assert stopped == 3
    assert site.azure.resources == []
    assert site.tenant.owners[site.contractors.id] == []
