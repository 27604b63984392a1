"""`init`, `deploy`, `undeploy` and `version`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enforcer.cli.output import output_option, tell, write_json
from enforcer.cli.running import DONE, settings, with_services
from enforcer.cli.tenant import tenant_name
from enforcer.clock import now
from enforcer.core.exceptions import EnforcerError, InputError
from enforcer.core.offboarding_record import State
from enforcer.core.settings import Mode
from enforcer.deployment.version import version as running_version
from enforcer.services import Services

if TYPE_CHECKING:
    from enforcer.deployment.answers import Answers
    from enforcer.deployment.tenant_file import Principal, TenantFile

_STEPS = ("identity", "resources", "code", "smoke-test", "first-run")
_FIRST_DAY = "2000-01-01"
_NOBODY = frozenset({"", "nobody", "none", "-"})


@click.command()
@output_option
def version(as_json: bool) -> int:  # noqa: FBT001
    """Show which version this is."""
    if as_json:
        write_json({"version": running_version()})
    else:
        click.echo(f"enforcer {running_version()}")
    return DONE


# init ------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("name", required=False)
@click.option("--tenant-id", help="Object ID of the Entra tenant. [default: the one that az is signed in to]")
@click.option("--group", help="Managed group: object ID or name of one that exists, or 'new NAME'.")
@click.option("--zone", help="Time zone in which days end, such as Europe/Berlin.")
@click.option(
    "--operators", help="Who operates it: groups or people, by name or object ID, separated by commas."
)
@click.option("--approvers", help="Who else approves held plans; 'nobody' if nobody does.")
@click.option("--alarms", help="Mail addresses that receive the alarms; 'nobody' if nobody does.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    help="report: plan only, change nothing in Entra.",
)
@click.option("--subscription", default="", help="Azure subscription. [default: the one that az is set to]")
@click.option("--resource-group", default="rg-contractor-access", show_default=True)
@click.option("--location", default="", help="Azure region. [default: that of the resource group]")
def init(name: str | None, **given: str) -> int:
    """Ask seven questions and write tenants/NAME.yaml, which everything else reads."""
    from enforcer.deployment.answers import new_tenant_file
    from enforcer.deployment.tenant_file import path_of

    chosen = name or tenant_name()
    if not chosen:
        raise click.UsageError("give the tenant file a name: enforcer init NAME")
    if path_of(chosen).exists():
        raise InputError(f"{path_of(chosen)} exists already; edit it, or give the new one another name")
    answers = asyncio.run(_answers(given))
    file = new_tenant_file(chosen, answers)
    file.write()
    tell(f"{file.path} and {file.parameter_file} written: every setting, with its meaning. Commit them.")
    if answers.four_eyes == "off":
        tell("Nobody but the operators approves held plans, so they may approve their own: fourEyes is off.")
    if not answers.alarms:
        tell("Nobody receives the alarms: add alertEmails before you rely on them.")
    tell(f"Next: enforcer deploy --tenant {chosen}")
    return DONE


async def _answers(given: dict[str, str]) -> Answers:
    """Ask what was not given; names are looked up in Entra ID."""
    from enforcer.deployment.answers import Answers, addresses, new_group_name
    from enforcer.deployment.people import People

    people = People()
    tenant_id = await _answer(given, "tenant_id", "Tenant ID", await people.tenant_id())
    group = await _answer(given, "group", "Managed group (name or object ID, or 'new NAME')")
    zone = await _answer(given, "zone", "Time zone in which days end", "Europe/Berlin")
    operators = await _answer(given, "operators", "Who operates it (groups or people)")
    approvers = await _answer(given, "approvers", "Who else approves held plans", "nobody")
    alarms = await _answer(given, "alarms", "Who gets the alarms (mail addresses)")
    mode = await _answer(given, "mode", "Mode (report changes nothing, enforce offboards)")
    new_group = new_group_name(group)
    async with people.of(tenant_id):
        return Answers(
            tenant_id=tenant_id,
            group="" if new_group else await people.group(group),
            new_group=new_group,
            zone=zone,
            operators=await _principals(people.principal, operators),
            approvers=await _principals(people.principal, approvers),
            alarms=() if alarms.strip().lower() in _NOBODY else addresses(alarms),
            mode=mode,
            subscription=given["subscription"] or await people.subscription_id(),
            resource_group=given["resource_group"],
            location=given["location"],
            cloud=await people.cloud(),
        )


async def _answer(given: dict[str, str], name: str, question: str, default: str = "") -> str:
    if given.get(name):
        return given[name].strip()
    if not sys.stdin.isatty():
        if name == "tenant_id" and default:
            return default
        raise click.UsageError(f"--{name.replace('_', '-')} is not given, and nobody can be asked")
    return str(await asyncio.to_thread(click.prompt, question, default or None, err=True)).strip()


async def _principals(find: Callable[[str], object], text: str) -> tuple[Principal, ...]:
    if text.strip().lower() in _NOBODY:
        return ()
    return tuple([await find(part.strip()) for part in text.split(",") if part.strip()])  # type: ignore[misc]


# deploy ----------------------------------------------------------------------------------------------------


def _steps(_context: click.Context, _option: click.Parameter, value: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(part.strip() for one in value for part in one.split(",") if part.strip())
    for step in chosen:
        if step not in _STEPS:
            raise click.BadParameter(f"{step!r} is not a step; the steps are {', '.join(_STEPS)}")
    return tuple(step for step in _STEPS if step in chosen) or _STEPS


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be changed.")
@click.option(
    "--only",
    multiple=True,
    callback=_steps,
    metavar="STEP",
    help=f"Take only this step; may be repeated. The steps: {', '.join(_STEPS)}.",
)
@click.option("--yes", is_flag=True, help="Do not ask before Entra ID is changed.")
@click.pass_context
def deploy(context: click.Context, dry_run: bool, only: tuple[str, ...], yes: bool) -> int:  # noqa: FBT001
    """Deploy the enforcer of a tenant, or upgrade it: identity, resources, code, smoke test, first run.

    Run it again after any interruption; what is right already is left alone.
    """
    from enforcer.deployment import deploy as deployment

    file = _tenant_file("deploy")
    order = deployment.Order(tell=tell, confirm=_confirm(yes), package=_package, only=only)
    if dry_run:
        changes = asyncio.run(deployment.rehearse(file, order))
        tell(f"{len(changes)} change(s), none of them made" if changes else "nothing to do")
        return DONE
    deployed = asyncio.run(deployment.deploy(file, order))
    if only == _STEPS:
        tell(f"\nOperators' page: {deployed.api}/")
        return _show_plan(context)
    return DONE


def _show_plan(context: click.Context) -> int:
    """End with the plan. A role that was just given may take minutes to count: then with its command."""
    from enforcer.cli.sweeps import plan

    settings.cache_clear()
    try:
        context.invoke(plan, as_of=None, out=None, detailed_exitcode=False, as_json=not sys.stdout.isatty())
    except EnforcerError as error:
        tell(f"The plan cannot be shown yet: {error}")
        tell(f"In some minutes: enforcer plan --tenant {tenant_name()}")
    return DONE


def _confirm(yes: bool) -> Callable[[str], bool]:  # noqa: FBT001
    """Ask only where somebody can answer."""
    if yes or not sys.stdin.isatty():
        return lambda _: True
    return partial(click.confirm, default=True, err=True)


def _tenant_file(command: str) -> TenantFile:
    from enforcer.deployment.tenant_file import read_tenant_file

    name = tenant_name()
    if not name:
        raise click.UsageError(f"name the tenant file: enforcer {command} --tenant NAME, or ENFORCER_TENANT")
    return read_tenant_file(name)


async def _package(zip_file: Path) -> None:
    """Build the package with the tool of this clone. Raises EnforcerError."""
    command = (sys.executable, "-m", "tools.package", str(zip_file))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode != 0:
        raise EnforcerError(f"the package cannot be built: {said.decode('utf-8', 'replace').strip()[-400:]}")


# undeploy --------------------------------------------------------------------------------------------------


@click.command()
@click.option("--dry-run", is_flag=True, help="Only name what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the evidence and the register. [default: NAME-removed-DATE]",
)
def undeploy(dry_run: bool, yes: bool, out: Path | None) -> int:  # noqa: FBT001
    """Export evidence and register, then remove what `deploy` made, each thing named, and nothing else.

    Of a managed group that existed before, only the identity's ownership is removed.
    """
    from enforcer.deployment import deploy as deployment
    from enforcer.deployment import undeploy as removing

    if not (yes or dry_run or sys.stdin.isatty()):
        raise click.UsageError(
            "nobody can be asked here: say --yes, or --dry-run to see what would be removed"
        )
    file = _tenant_file("undeploy")
    today = now()
    folder = out or Path(f"{file.name}-removed-{today:%Y-%m-%d}")
    removal = removing.Removal(
        order=deployment.Order(tell=tell, confirm=_confirm(yes), package=_package),
        export=partial(asyncio.to_thread, _export, folder),
        blocked=partial(asyncio.to_thread, _blocked),
        now=today,
    )
    if dry_run:
        changes = asyncio.run(removing.rehearse_removal(file, removal))
        tell(f"{len(changes)} change(s), none of them made" if changes else "nothing to do")
    else:
        asyncio.run(removing.undeploy(file, removal))
    return DONE


def _export(folder: Path) -> str:
    """Write the evidence of all years and the register, as their own commands do."""
    from enforcer.cli.audit import audit
    from enforcer.cli.contractors import contractors

    days = ["--from", _FIRST_DAY, "--to", f"{now():%Y-%m-%d}"]
    audit.main(["export", *days, "--out", str(folder / "evidence")], standalone_mode=False)
    for group_id in settings().group_ids:
        file = str(folder / f"contractors-{group_id}.csv")
        contractors.main(["export", "--group", group_id, "--out", file], standalone_mode=False)
    return str(folder)


def _blocked() -> list[str]:
    """Return who was offboarded and is not back, by the keys of their rows."""

    async def work(services: Services) -> list[str]:
        return [
            record.row_key
            for group_id in services.settings.group_ids
            async for record in services.records.of_group(group_id)
            if record.state in (State.OFFBOARDED, State.VERIFIED)
        ]

    return with_services("reading the records", work)
