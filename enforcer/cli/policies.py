"""`policies plan`, `apply` and `check`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click
import msgspec

from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.running import DONE, UNDONE, USAGE, settings
from enforcer.core.coverage import Coverage
from enforcer.core.drift import Drift
from enforcer.core.keys import is_object_id
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.policies.as_code.changes import Change, Difference, PolicyAction
from enforcer.policies.as_code.managing import Manager
from enforcer.policies.as_code.sign_in import operators_graph
from enforcer.policies.as_code.wanted import Wanted, read_wanted

_TEMPLATES = Path("infra/conditional-access")
_COVERAGE = {
    Coverage.COVERED: "yes",
    Coverage.NOT_COVERED: "no",
    Coverage.NOT_KNOWN: "not known",
}

# What `--output json` writes -----------------------------------------------------------------------------


class _Change(msgspec.Struct, kw_only=True):
    policy: str
    name: str
    id: str
    state: str | None
    action: PolicyAction | None
    reason: str
    differences: tuple[Difference, ...]


class _Plan(msgspec.Struct, kw_only=True):
    schema: int = 1
    policies: list[_Change]


class _Check(msgspec.Struct, kw_only=True):
    schema: int = 1
    findings: tuple[Drift, ...]
    coverage: dict[Coverage, int]


# The commands --------------------------------------------------------------------------------------------


@click.group()
def policies() -> None:
    """Conditional Access policies as code, applied with your own sign-in.

    Needs Policy.Read.All, Policy.ReadWrite.ConditionalAccess, Application.Read.All, User.Read.All and
    GroupMember.Read.All; docs/conditional-access.md says how to sign in with them. Only policies that
    this program created are ever changed.
    """


def _files[F: Callable[..., object]](command: F) -> F:
    directory = click.option(
        "--directory",
        type=click.Path(path_type=Path, file_okay=False),
        default=_TEMPLATES,
        show_default=True,
        help="Where the templates are.",
    )
    values = click.option(
        "--values",
        "values_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Values of the placeholders.  [default: values.json beside the templates]",
    )
    return directory(values(command))


def _enable_option[F: Callable[..., object]](command: F) -> F:
    text = (
        "Also enable the policies that are in the tenant already and match the files, and change whom an"
        " enabled policy applies to."
    )
    return click.option("--enable", is_flag=True, help=text)(command)


@policies.command()
@_files
@_enable_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do.")
@output_option
def plan(
    directory: Path,
    values_file: Path | None,
    enable: bool,  # noqa: FBT001
    detailed_exitcode: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
    """Show the differences between the files and the tenant. Changes nothing."""
    wanted = _wanted(directory, values_file)
    changes = _with_manager(lambda manager: manager.plan(wanted, enable=enable))
    _show(changes, as_json=as_json)
    return USAGE if detailed_exitcode and any(change.is_due for change in changes) else DONE


@policies.command()
@_files
@_enable_option
@click.option(
    "--operator",
    metavar="ID",
    callback=lambda _context, _option, value: _object_id(value),
    help="Object ID of a person whom no policy may block.  [default: whoever is signed in]",
)
@output_option
def apply(
    directory: Path,
    values_file: Path | None,
    enable: bool,  # noqa: FBT001
    operator: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Make the tenant's policies match the files; new ones are created in report-only state."""
    wanted = _wanted(directory, values_file)

    async def work(manager: Manager) -> list[Change]:
        changes = await manager.plan(wanted, enable=enable)
        await manager.apply(changes, wanted, tell, operator)
        return changes

    changes = _with_manager(work)
    _show(changes, as_json=as_json)
    return UNDONE if any(change.reason for change in changes) else DONE


@policies.command()
@output_option
def check(as_json: bool) -> int:  # noqa: FBT001
    """Check whether somebody who has left every managed group could still sign in."""
    groups, leavers = settings().group_ids, settings().leavers_group
    found = _with_manager(lambda manager: manager.check(groups, tell, leavers))
    if as_json:
        write_json(_Check(findings=found.drifts, coverage=found.coverage))
    else:
        rows = [(drift.kind, drift.policy_id or None, drift.detail) for drift in found.drifts]
        counts = [(_COVERAGE[coverage], number) for coverage, number in found.coverage.items()]
        write_tables(
            Table(
                "Members of managed groups, once they have left", ("a policy blocks them", "members"), counts
            ),
            Table("Findings", ("kind", "policy", "detail"), rows, ("detail",)),
        )
    return UNDONE if found.drifts else DONE


def _object_id(value: str | None) -> str:
    if value and not is_object_id(value):
        raise click.BadParameter(f"{value!r} is not an object ID")
    return (value or "").lower()


def _wanted(directory: Path, values_file: Path | None) -> Wanted:
    found = settings()
    values = values_file or directory / "values.json"
    return read_wanted(directory, values, found.group_ids, found.leavers_group)


def _with_manager[T](work: Callable[[Manager], Awaitable[T]]) -> T:
    async def run() -> T:
        async with operators_graph(settings()) as client:
            return await work(Manager(client, ConditionalAccess(client)))

    return asyncio.run(run())


def _show(changes: Sequence[Change], *, as_json: bool) -> None:
    written = [_written(change) for change in changes]
    if as_json:
        write_json(_Plan(policies=written))
        return
    rows = [(item.policy, item.state, item.action, item.reason or None) for item in written]
    details = [
        (change.key, item.path, _text(item.tenant), _text(item.file))
        for change in changes
        for item in change.differences
    ]
    write_tables(
        Table("Policies", ("policy", "state in the tenant", "action", "note"), rows, ("note",)),
        Table("Differences", ("policy", "property", "tenant", "file"), details, ("tenant", "file")),
    )


def _written(change: Change) -> _Change:
    policy = change.current or change.wanted
    return _Change(
        policy=change.key,
        name=policy.display_name if policy else "",
        id=change.current.id if change.current else "",
        state=change.current.state if change.current else None,
        action=change.action,
        reason=change.reason,
        differences=change.differences,
    )


def _text(value: object) -> str | None:
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
