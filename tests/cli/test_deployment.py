"""`init`, `deploy`, `undeploy`, `version`, `--tenant` and `--debug`, as from a shell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.azurite import StorageEndpoints
from sandbox.directory.objects import Application
from tests.deployment.conftest import Site, code, site
from tests.support.azure_cli_calls import command_of, commands, mistakes

__all__ = ["code", "site"]

pytestmark = pytest.mark.anyio
ANSWERS = ("--zone", "Europe/Berlin", "--alarms", "ops@contoso.com", "--mode", "report")


async def test_init_writes_the_file_from_names_and_says_what_comes_next(site: Site) -> None:
    people = ("--operators", "Contractor operators", "--approvers", site.administrator.user_principal_name)
    ran = await site.run("init", "contoso", "--group", "Contractors", *people, *ANSWERS)
    assert ran.code == 0, ran.err
    file = site.file
    assert file.get("tenantId") == site.tenant.tenant_id
    assert file.several("groupIds") == (site.contractors.id,)
    assert [one.id for one in file.principals("operators")] == [site.operators.id]
    assert [one.type for one in file.principals("approvers")] == ["User"]
    assert file.get("fourEyes") == "on"
    assert "Next: enforcer deploy --tenant contoso" in ran.err
    assert file.parameter_file.exists()


async def test_init_says_that_nobody_else_approves(site: Site) -> None:
    people = ("--operators", site.operators.id, "--approvers", "nobody")
    ran = await site.run("init", "contoso", "--group", "new Contractors (active)", *people, *ANSWERS)
    assert ran.code == 0, ran.err
    assert "fourEyes is off" in ran.err
    assert (site.file.get("fourEyes"), site.file.get("newGroup")) == ("off", "Contractors (active)")


async def test_init_takes_the_cloud_that_az_is_set_to(site: Site) -> None:
    site.azure.authority_url = "https://login.microsoftonline.us"
    site.azure.manager_url = "https://management.usgovcloudapi.net/"
    people = ("--operators", site.operators.id, "--approvers", "nobody")
    ran = await site.run("init", "contoso", "--group", "Contractors", *people, *ANSWERS)
    assert ran.code == 0, ran.err
    assert site.file.get("authorityUrl") == "https://login.microsoftonline.us"
    assert site.file.get("graphUrl") == site.azure.directory.url
    site.change("location", "usgovvirginia")
    await site.deploy("identity")
    (app,) = site.tenant.each(Application)
    assert ".azurewebsites.us/" in app.web["redirectUris"][0]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (("--group", "Nobody knows"), "no group in this tenant has the name 'Nobody knows'"),
        (("--zone", "Berlin"), "timeZone is 'Berlin'; it must be an IANA time zone name"),
        (("--alarms", "ops"), "'ops' is not a mail address"),
        (("--tenant-id", "contoso"), "tenantId is 'contoso'"),
    ],
)
async def test_init_names_a_wrong_answer(site: Site, changed: tuple[str, ...], problem: str) -> None:
    given = ("--group", "Contractors", "--operators", site.operators.id, "--approvers", "nobody", *ANSWERS)
    ran = await site.run("init", "contoso", *given, *changed)
    assert ran.code == 1
    assert problem in ran.err
    assert not os.path.exists("tenants/contoso.yaml")  # noqa: ASYNC240, PTH110


async def test_init_without_a_terminal_names_the_missing_option(site: Site) -> None:
    ran = await site.run("init", "contoso", "--group", "Contractors")
    assert ran.code == 2
    assert "--zone is not given" in ran.err


async def test_deploy_takes_the_steps_that_are_named(site: Site) -> None:
    site.write()
    ran = await site.run("deploy", "--tenant", "contoso", "--only", "resources,identity")
    assert ran.code == 0, ran.err
    assert "[1/2] identity" in ran.err
    assert [*site.tenant.each(Application)]
    assert not site.azure.code


async def test_deploy_rehearses_and_changes_nothing(site: Site) -> None:
    site.write()
    ran = await site.run("deploy", "--tenant", "contoso", "--dry-run")
    assert ran.code == 0, ran.err
    assert "would: create the identity id-contractor-access" in ran.err
    assert site.writes() == []
    assert not site.azure.groups


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deploy",), "name the tenant file: enforcer deploy --tenant NAME"),
        (("deploy", "--tenant", "contoso", "--only", "everything"), "'everything' is not a step"),
        (("undeploy", "--tenant", "contoso"), "nobody can be asked here"),
    ],
)
async def test_bad_usage_is_named(site: Site, arguments: tuple[str, ...], said: str) -> None:
    site.write()
    ran = await site.run(*arguments)
    assert ran.code == 2
    assert said in ran.err


async def test_commands_read_the_tenants_file_and_find_what_was_deployed(site: Site) -> None:
    site.write()
    ran = await site.run("status", "--tenant", "contoso")
    assert ran.code == 1
    assert "run `enforcer deploy --tenant contoso`" in ran.err


async def test_a_variable_of_the_shell_wins_and_a_line_says_so(site: Site) -> None:
    site.write()
    site.monkeypatch.setenv("ENFORCER_MODE", "enforce")
    ran = await site.run("status", "--tenant", "contoso")
    assert "note: ENFORCER_MODE of this shell is used, not that of tenants/contoso.yaml" in ran.err


async def test_an_error_is_one_line_and_the_rest_is_behind_debug(site: Site) -> None:
    site.write()
    site.azure.person = None
    plain = await site.run("deploy", "--tenant", "contoso")
    assert plain.err == f"error: Not signed in: run `az login --tenant {site.tenant.tenant_id}`\n"
    debugged = await site.run("deploy", "--tenant", "contoso", "--debug")
    assert "Traceback" in debugged.err


async def test_undeploy_exports_first_then_removes_and_names_it(
    site: Site, azurite: StorageEndpoints, tmp_path: Path
) -> None:
    site.monkeypatch.setenv("EnforcerStorage", azurite.connection_string)
    site.write()
    await site.deploy("identity", "resources")

    shown = await site.run("undeploy", "--tenant", "contoso", "--dry-run")
    assert shown.code == 0, shown.err
    assert "would: delete storageAccounts" in shown.err
    assert site.azure.resources

    ran = await site.run("undeploy", "--tenant", "contoso", "--yes", "--out", str(tmp_path / "kept"))
    assert ran.code == 0, ran.err
    assert site.azure.resources == []
    assert ran.err.index("exported to") < ran.err.index("will: delete storageAccounts")
    assert "Nobody is kept out by the policies" in ran.err
    kept = {path.name for path in (tmp_path / "kept").rglob("*")}
    assert {"evidence", f"contractors-{site.contractors.id}.csv"} <= kept
    again = await site.run("undeploy", "--tenant", "contoso", "--yes")
    assert "nothing of `enforcer deploy` is left" in again.err


async def test_version_is_that_of_the_checkout(site: Site) -> None:
    ran = await site.run("version", "--output", "json")
    assert ran.data["version"] not in ("", "unknown")


def test_the_stand_in_refuses_what_azure_cli_would() -> None:
    assert [*mistakes(["group", "create", "--name", "x", "--location", "y"])] == []
    assert [*mistakes(["group", "create", "--name", "x"])]
    assert [*mistakes(["group", "create", "--name", "x", "--location", "y", "--nonsense"])]
    assert [*mistakes(["tag", "update", "--resource-id", "x", "--operation", "Add", "--tags", "a=b"])]
    assert [*mistakes(["grup", "show"])]
    assert command_of(["functionapp", "stop", "--name", "x"]) in commands()
