"""Proof by Entra itself that whoever was offboarded is blocked: asked for, recorded, counted, alarmed about.

Entra answers one question a second, so a run asks as long as its time allows, and a later one goes on.
Nothing here fails a run, delays a removal or undoes one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from enforcer.concurrency import each
from enforcer.core.exceptions import EnforcerError
from enforcer.core.ledger import Action, Entry
from enforcer.core.ledger_entries import Context
from enforcer.core.offboarding_record import OffboardingRecord, Proof
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.runs import Report, Run
from enforcer.policies.what_if import Answer, WhatIfClient
from enforcer.services import Services
from enforcer.telemetry import PolicyDrift, emit

_log = logging.getLogger(__name__)

# How long a sweep asks, after everybody is out, and how long an offboarding for which somebody waits, which
# has as little time to record the answer.
SWEEP_SECONDS = 60.0
OFFBOARD_SECONDS = 5.0
_RECORDING_SECONDS = 3.0
# Whoever could not be asked about for so long was offboarded under policies that are history.
_ASKED_WITHIN = timedelta(days=30)


async def prove_departure(
    services: Services, departures: Sequence[tuple[Run, OffboardingRecord]], reason: str
) -> Answer | None:
    """Ask Entra about one person who was just offboarded from some groups, and record the answer with each.

    Never fails the offboarding: should storage fail here, or take too long, a later sweep asks.

    Args:
        services: All adapters.
        departures: The runs, one for each group, and what they have recorded of him.
        reason: Why he was offboarded, for the ledger.

    Returns:
        None where these runs took him out of no group, or the answer could not be recorded.
    """
    try:
        async with asyncio.timeout(OFFBOARD_SECONDS + _RECORDING_SECONDS):
            return await _prove_departure(services, departures, reason)
    except (EnforcerError, TimeoutError) as error:
        _log.warning("what Entra says could not be recorded: %s", type(error).__name__)
        return None


async def _prove_departure(
    services: Services, departures: Sequence[tuple[Run, OffboardingRecord]], reason: str
) -> Answer | None:
    out = [(run, item) for run, item in departures if await _is_recorded(services, run, item)]
    if not out:
        return None
    inquiry = WhatIfClient(services, OFFBOARD_SECONDS)
    answer = await inquiry.answer(out[0][1]) or Answer(proof=Proof.NOT_ASKED, detail=inquiry.stopped)
    for run, item in out:
        context = Context(group_id=run.group_id, run_id=run.run_id, actor=run.actor, note=reason)
        await record(services, context, [(item, answer)])
        findings = tuple(not_blocked([_with(item, answer)], run.group_id))
        counted = replace(
            run,
            blocked=int(answer.proof is Proof.BLOCKED),
            not_blocked=len(findings),
            findings=len(findings),
        )
        await services.runs.save(Report(run=counted, findings=findings))
    return answer


async def _is_recorded(services: Services, run: Run, item: OffboardingRecord) -> bool:
    current = await services.enforcements.get(run.group_id, item.row_key)
    return current is not None and current.run_id == run.run_id and current.removed_at is not None


# The people of a sweep -----------------------------------------------------------------------------------


def unproven(
    known: Iterable[OffboardingRecord], listed: Iterable[str], now: datetime
) -> list[OffboardingRecord]:
    """Return those offboarded earlier about whom Entra has to be asked again, first whom nothing blocked.

    Args:
        known: All that is known of a group's contractors.
        listed: Object IDs of its members: they are in again, so that there is nothing to prove.
        now: For how long ago somebody was removed.
    """
    members, since = set(listed), now - _ASKED_WITHIN
    return sorted(
        (item for item in known if item.user_id not in members and _is_open(item, since)),
        key=lambda item: (item.proof is not Proof.NOT_BLOCKED, item.row_key),
    )


def _is_open(item: OffboardingRecord, since: datetime) -> bool:
    if item.removed_at is None:
        return False
    recent = item.removed_at >= since
    return item.proof is Proof.NOT_BLOCKED or (recent and item.proof in (None, Proof.NOT_ASKED))


async def prove(
    inquiry: WhatIfClient,
    context: Context,
    fresh: Sequence[OffboardingRecord],
    earlier: Sequence[OffboardingRecord],
) -> list[OffboardingRecord]:
    """Ask Entra about people of one managed group and record what it says.

    Args:
        inquiry: Asks, for as long as there is time.
        context: Of which run, for the ledger.
        fresh: Whom this run has offboarded, as it has recorded them.
        earlier: Whom earlier runs have; see `unproven`.

    Returns:
        Those about whom there is an answer.
    """
    told = [(item, answer) for item in fresh if (answer := await inquiry.answer(item))]
    again = [(item, answer) for item in earlier if (answer := await inquiry.answer(item))]
    again = [(item, answer) for item, answer in again if answer.proof is not Proof.NOT_ASKED]
    news = [(item, answer) for item, answer in again if answer.proof is not item.proof]
    await record(inquiry.services, context, told + news)
    await _record_unasked(inquiry, context, len(fresh) - len(told))
    return [_with(item, answer) for item, answer in told + again]


async def _record_unasked(inquiry: WhatIfClient, context: Context, people: int) -> None:
    """Write one entry about all for whom there was no asking: there may be thousands."""
    if people:
        answer = Answer(proof=Proof.NOT_ASKED, detail=f"about {people} people: {inquiry.stopped}")
        entry = context.entry(Action.PROOF, inquiry.services.now(), outcome=answer.words)
        await inquiry.services.ledger.append(context.group_id, [entry])


async def record(
    services: Services, context: Context, told: Sequence[tuple[OffboardingRecord, Answer]]
) -> None:
    """Write answers into the ledger, and into the enforcements that do not have them yet."""
    now = services.now()
    entries = [_entry(context, item, answer, now) for item, answer in told]
    await services.ledger.append(context.group_id, entries)

    async def save(pair: tuple[OffboardingRecord, Answer]) -> None:
        # Asking took a while: what somebody else has recorded in the meantime stays.
        current = await services.enforcements.get(context.group_id, pair[0].row_key)
        if current is not None and current.removed_at == pair[0].removed_at:
            await services.enforcements.save(context.group_id, [_with(current, pair[1])])

    await each((pair for pair in told if _with(*pair) != pair[0]), save, at_once=8)


def not_blocked(people: Iterable[OffboardingRecord], group_id: str) -> list[Finding]:
    """Return a finding, and raise the alarm, for everybody whom Entra would let in."""
    findings: list[Finding] = []
    for item in people:
        if item.proof is Proof.NOT_BLOCKED:
            emit(PolicyDrift(group_id=group_id, kind=Proof.NOT_BLOCKED, user_id=item.user_id))
            findings.append(
                Finding(
                    kind=FindingKind.NOT_BLOCKED,
                    row_key=item.row_key,
                    user_id=item.user_id,
                    detail="Entra says that no policy would block his next sign-in",
                )
            )
    return findings


def _with(item: OffboardingRecord, answer: Answer) -> OffboardingRecord:
    return replace(item, proof=answer.proof, proof_policy=answer.policy)


def _entry(context: Context, item: OffboardingRecord, answer: Answer, now: datetime) -> Entry:
    return context.entry(Action.PROOF, now, outcome=answer.words[:1000], about=item)
