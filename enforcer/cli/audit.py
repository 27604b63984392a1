"""`audit`: check the ledger, and export evidence about everybody whose access ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from enforcer.cli.dates import DayType
from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.running import DONE, UNDONE, settings, with_services
from enforcer.core.evidence.cases import Evidence
from enforcer.core.evidence.period import period
from enforcer.core.exceptions import EnforcerError
from enforcer.core.ledger import Anchor, CheckedChain
from enforcer.deployment.version import version
from enforcer.evidence.audit import chained_groups, check_chains, gather_evidence, reported_heads
from enforcer.evidence.files import Manifest, files, manifest, read_manifest, write
from enforcer.evidence.telemetry_heads import QUERY, read_heads
from enforcer.services import Services

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class DurationType(click.ParamType[timedelta]):
    """A number of minutes, hours or days: 90m, 24h, 2d."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([0-9]{1,6})([mhd])", value)
        if found is None:
            self.fail(f"{value!r} is not a duration; examples: 90m, 24h, 2d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.group()
def audit() -> None:
    """Check the ledger, and export evidence."""


@audit.command()
@click.option(
    "--manifest",
    "manifests",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also compare the ledger with the heads in this manifest of an earlier export; may be repeated.",
)
@click.option(
    "--heads",
    "answers",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also compare with the ends in telemetry: the answer (JSON or CSV) to the query that is printed.",
)
@output_option
def verify(manifests: Sequence[Path], answers: Sequence[Path], as_json: bool) -> int:  # noqa: FBT001
    """Recompute the ledger of every group; name the first entry that does not fit.

    Ledgers of groups that are no longer managed are checked too. All are compared with their ends in table
    runs and in the nightly reports. Exits with 1 if an entry was modified, deleted, inserted or reordered, if
    entries of a run are missing, or if no end recorded elsewhere was found.
    """
    recorded = [*_heads(manifests), *(head for path in answers for head in read_heads(path))]
    chains = with_services("recomputing the ledger", lambda services: _check(services, recorded))
    if as_json:
        write_json({"groups": chains})
    else:
        _show_chains(chains)
    if not answers:
        tell("To compare with telemetry too, pass the answer to this query of the workspace as --heads FILE:")
        tell(f"  {QUERY}")
    if not any(chain.anchors for chain in chains):
        tell("error: no end of a ledger is recorded anywhere else, so nothing shows that all of it is there")
        return UNDONE
    return _exit_code(chains)


@audit.command()
@click.option(
    "--from",
    "first",
    required=True,
    type=DayType(),
    metavar="DATE",
    help="First day, in ENFORCER_TIME_ZONE.",
)
@click.option("--to", "last", required=True, type=DayType(), metavar="DATE", help="Last day, included.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder that does not exist yet or is empty.",
)
@click.option("--sla", type=DurationType(), default="24h", show_default=True, help="90m, 24h, 2d …")
@output_option
def export(first: str, last: str, out: Path, sla: timedelta, as_json: bool) -> int:  # noqa: FBT001
    """Write what became of everybody whose access ended in a period: CSV, JSON Lines, HTML, manifest.

    Exits with 1 if the ledger does not fit; the evidence is still written, and says so.
    """
    days = period(first, last, settings().zone)

    async def gather(services: Services) -> tuple[Evidence, Manifest]:
        heads = await _reported(services, services.settings.group_ids)
        evidence = await gather_evidence(services, days, sla, heads)
        rendered = files(evidence)
        made = manifest(evidence, rendered, services.now(), version())
        write(out, rendered, made)
        return evidence, made

    evidence, made = with_services("gathering evidence", gather)
    if as_json:
        write_json(made)
    else:
        _show_evidence(evidence)
    tell(f"written to {out}: {', '.join(file.name for file in made.files)} and manifest.json")
    return _exit_code(evidence.chains)


async def _check(services: Services, exported: Sequence[tuple[str, Anchor]]) -> list[CheckedChain]:
    group_ids = await chained_groups(services, exported)
    for group_id in group_ids:
        if group_id not in services.settings.group_ids:
            tell(f"group {group_id} is no longer managed; its ledger is still checked")
    return await check_chains(services, group_ids, [*await _reported(services, group_ids), *exported])


async def _reported(services: Services, group_ids: Sequence[str]) -> list[tuple[str, Anchor]]:
    """Return the heads in the nightly reports; without them the ledger is checked by itself."""
    try:
        return await reported_heads(services, group_ids)
    except EnforcerError as error:
        tell(f"the nightly reports could not be read, so the ledger is not compared with them: {error}")
        return []


def _heads(manifests: Sequence[Path]) -> list[tuple[str, Anchor]]:
    return [
        (chain.group_id, Anchor(sequence=chain.sequence, hash=chain.hash, source=str(path)))
        for path in manifests
        for chain in read_manifest(path).ledgers
    ]


def _exit_code(chains: Sequence[CheckedChain]) -> int:
    return DONE if all(chain.is_sound for chain in chains) else UNDONE


def _show_chains(chains: Sequence[CheckedChain]) -> None:
    rows = [
        (chain.group_id, chain.sequence, chain.anchors, chain.hash[:16], _verdict(chain)) for chain in chains
    ]
    write_tables(Table("Ledger", ("group", "entries", "compared with", "head", "check"), rows, ("check",)))


def _verdict(chain: CheckedChain) -> str:
    if chain.problem:
        return f"UNPROVEN: {chain.problem}"
    if chain.broken is None:
        return "every entry fits"
    return f"BROKEN: entry {chain.broken.sequence} {chain.broken.reason}"


def _show_evidence(evidence: Evidence) -> None:
    summary = evidence.summary
    rows = [(verdict, count) for verdict, count in summary.verdicts.items() if count]
    write_tables(Table(f"Access ended for {summary.population}", ("verdict", "people"), rows))
    _show_chains(evidence.chains)
    for group_id, reason in evidence.members_unread.items():
        tell(f"the present members of group {group_id} could not be read: {reason}")
    for group_id in evidence.left_out:
        tell(f"group {group_id} has a ledger but is no longer managed: its people are not in the evidence")
    if evidence.unreadable:
        tell(
            f"rows of the register that cannot be read: {len(evidence.unreadable)}; they may belong here too"
        )
