"""What auditors ask: is the ledger intact, and what happened to everyone whose access ended in a period?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from enforcer.core.begun_entries import why_misremembered
from enforcer.core.contractors import Contractor, InvalidRow
from enforcer.core.evidence.access_history import AccessHistory, GroupRecord, access_histories
from enforcer.core.evidence.cases import Evidence, summarise
from enforcer.core.evidence.period import Period
from enforcer.core.evidence.verdicts import cases
from enforcer.core.exceptions import EnforcerError
from enforcer.core.ledger import Anchor, CheckedChain, Head, Link, RunMark, first_break, why_unproven
from enforcer.core.members import MemberIndex
from enforcer.register.reading import read_register
from enforcer.services import Services
from enforcer.storage.blobs import NOTE_HASH, NOTE_SEQUENCE, open_reports


async def chained_groups(services: Services, anchors: Sequence[tuple[str, Anchor]]) -> list[str]:
    """Return every group whose ledger can be checked: those that are managed, anchored or in storage.

    Raises:
        RunError, UnavailableError: The ledger could not be read.
    """
    found = (
        [group_id for group_id, _ in anchors] + await _unmanaged(services) + await services.runs.group_ids()
    )
    return list(dict.fromkeys([*services.settings.group_ids, *found]))


async def check_chains(
    services: Services, group_ids: Sequence[str], anchors: Sequence[tuple[str, Anchor]]
) -> list[CheckedChain]:
    """Recompute the ledgers of these groups, and compare them with table `runs` and earlier heads.

    Args:
        services: Where to read.
        group_ids: The groups, managed or not.
        anchors: Earlier heads, each with its group.

    Raises:
        RunError, UnavailableError: A ledger could not be read.
    """
    checked: list[CheckedChain] = []
    for group_id in group_ids:
        of_group = [anchor for group, anchor in anchors if group == group_id]
        runs = await services.runs.marks(group_id)
        head, window = await services.ledger.remembered(group_id)
        links, chain = await _read_chain(services, group_id, [*of_group, *_anchors(runs)])
        named = {link.entry.run for link in links}
        problem = why_unproven(runs, named, len(links), chain.anchors) or why_misremembered(
            window, [link for link in links if link.sequence <= head.sequence]
        )
        checked.append(replace(chain, problem=problem))
    return checked


def _anchors(runs: Sequence[RunMark]) -> list[Anchor]:
    return [run.anchor for run in runs if run.anchor is not None]


async def reported_heads(services: Services, group_ids: Sequence[str]) -> list[tuple[str, Anchor]]:
    """Return the heads recorded by these groups' nightly reports in container `reports`.

    Whoever can write the tables could rewrite a whole ledger, but cannot change a report that is under the
    container's retention policy.

    Raises:
        InputError, RunError, UnavailableError: The container could not be read.
    """
    found: list[tuple[str, Anchor]] = []
    async with open_reports(services.settings.storage) as reports:
        for group_id in group_ids:
            async for name, notes in reports.notes(group_id):
                sequence, digest = notes.get(NOTE_SEQUENCE, ""), notes.get(NOTE_HASH, "")
                if sequence.isascii() and sequence.isdigit() and digest:
                    source = f"report {name}"
                    found.append((group_id, Anchor(sequence=int(sequence), hash=digest, source=source)))
    return found


async def gather_evidence(
    services: Services, period: Period, sla: timedelta, anchors: Sequence[tuple[str, Anchor]] = ()
) -> Evidence:
    """Find everyone whose access ended in the period, and the outcome.

    Raises:
        RunError, UnavailableError: Register, enforcements or ledger could not be read completely.
    """
    now = services.now()
    groups = [
        await _gather(services, group_id, [anchor for group, anchor in anchors if group == group_id], now)
        for group_id in services.settings.group_ids
    ]
    judged = tuple(cases([item for group in groups for item in group.access_histories], period, sla, now))
    return Evidence(
        period=period,
        sla=sla,
        cases=judged,
        summary=summarise(judged),
        unreadable=tuple(row for group in groups for row in group.unreadable),
        chains=tuple(group.chain for group in groups),
        members_unread={
            group.chain.group_id: group.members_unread for group in groups if group.members_unread
        },
        left_out=tuple(await _unmanaged(services)),
    )


async def _unmanaged(services: Services) -> list[str]:
    """Return the groups that have a ledger but are not, or no longer, managed."""
    managed = services.settings.group_ids
    return [group_id for group_id in await services.ledger.group_ids() if group_id not in managed]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathered:
    """What was found for one group; `members_unread` says why its members could not be read."""

    access_histories: list[AccessHistory]
    unreadable: list[InvalidRow]
    chain: CheckedChain
    members_unread: str


async def _gather(services: Services, group_id: str, anchors: Sequence[Anchor], now: datetime) -> _Gathered:
    rows = await read_register(services, (group_id,))
    runs = _anchors(await services.runs.marks(group_id))
    links, chain = await _read_chain(services, group_id, [*anchors, *runs])
    members, members_unread = await _members(services, group_id)
    unreadable = [row for row in rows if isinstance(row, InvalidRow)]
    record = GroupRecord(
        group_id=group_id,
        endings=[row for row in rows if isinstance(row, Contractor)],
        records=[item async for item in services.records.of_group(group_id)],
        links=links,
        members=members,
    )
    return _Gathered(
        access_histories=access_histories(record, services.settings.date_rules, now),
        unreadable=sorted(unreadable, key=lambda row: row.row_key),
        chain=chain,
        members_unread=members_unread,
    )


async def _read_chain(
    services: Services, group_id: str, anchors: Sequence[Anchor]
) -> tuple[list[Link], CheckedChain]:
    links: list[Link] = []

    async def read() -> AsyncIterator[Link]:
        async for link in services.ledger.links(group_id):
            links.append(link)
            yield link

    reading = read()
    broken = await first_break(group_id, reading, partial(services.ledger.head, group_id), anchors)
    async for _ in reading:
        pass  # entries after a break are still shown
    last = Head(links[-1].sequence, links[-1].hash) if links else Head()
    checked = CheckedChain(
        group_id=group_id, sequence=last.sequence, hash=last.hash, anchors=len(anchors), broken=broken
    )
    return links, checked


async def _members(services: Services, group_id: str) -> tuple[MemberIndex | None, str]:
    """Read the group's current members, or return why not: most of the evidence does not depend on them."""
    try:
        return MemberIndex.of([member async for member in services.directory.members(group_id)]), ""
    except EnforcerError as error:
        return None, str(error)
