"""Proof from Entra itself that whoever was offboarded is blocked: ask, record, count, raise the alarm.

Entra answers one question a second, so a run asks as long as its time allows, and a later one continues.
Nothing here fails a run or delays a removal.
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
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import PolicyDrift

_log = logging.getLogger(__name__)

# How long a sweep asks, after the removals, and how long an offboarding on demand asks and then records:
# its caller waits.
SWEEP_SECONDS = 60.0
OFFBOARD_SECONDS = 5.0
_RECORDING_SECONDS = 3.0
# After this time, today's policies no longer say much about an offboarding.
_ASKED_WITHIN = timedelta(days=30)


async def prove_leaver(
    services: Services, concluded: Sequence[tuple[Run, OffboardingRecord]], reason: str
) -> Answer | None:
    """Ask Entra about a person who was just offboarded from some groups, and record the answer with each.

    Never fails the offboarding: if storage fails or takes too long, a later sweep asks.

    Args:
        services: All adapters.
        concluded: The run and the person's record in each group.
        reason: Why they were offboarded, for the ledger.

    Returns:
        None where these runs removed the person from no group, or the answer could not be recorded.
    """
    try:
        async with asyncio.timeout(OFFBOARD_SECONDS + _RECORDING_SECONDS):
            return await _prove_leaver(services, concluded, reason)
    except (EnforcerError, TimeoutError) as error:
        _log.warning("Entra's answer could not be recorded: %s", type(error).__name__)
        return None


async def _prove_leaver(
    services: Services, concluded: Sequence[tuple[Run, OffboardingRecord]], reason: str
) -> Answer | None:
    out = [(run, item) for run, item in concluded if await _is_recorded(services, run, item)]
    if not out:
        return None
    what_if = WhatIfClient(services, OFFBOARD_SECONDS)
    answer = await what_if.answer(out[0][1]) or Answer(proof=Proof.NOT_ASKED, detail=what_if.stopped)
    for run, item in out:
        context = Context(
            group_id=run.group_id,
            run_id=run.run_id,
            actor=run.actor,
            actor_name=run.actor_name,
            note=reason,
        )
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
    current = await services.records.get(run.group_id, item.row_key)
    return current is not None and current.run_id == run.run_id and current.removed_at is not None


# The people of a sweep -----------------------------------------------------------------------------------


def unproven(
    known: Iterable[OffboardingRecord], listed: Iterable[str], now: datetime
) -> list[OffboardingRecord]:
    """Return those offboarded earlier about whom Entra has to be asked again, unblocked people first.

    Args:
        known: All records of a group.
        listed: Object IDs of its members: they are back in, so there is nothing to prove.
        now: The time from which the age of a removal is counted.
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
    what_if: WhatIfClient,
    context: Context,
    fresh: Sequence[OffboardingRecord],
    earlier: Sequence[OffboardingRecord],
) -> list[OffboardingRecord]:
    """Ask Entra about people of one managed group and record its answers.

    Args:
        what_if: Asks, for as long as there is time.
        context: The run, for the ledger.
        fresh: Records of those whom this run offboarded.
        earlier: Records of those whom earlier runs did; see `unproven`.

    Returns:
        The records for which there is an answer.
    """
    answers = [(item, answer) for item in fresh if (answer := await what_if.answer(item))]
    again = [(item, answer) for item in earlier if (answer := await what_if.answer(item))]
    again = [(item, answer) for item, answer in again if answer.proof is not Proof.NOT_ASKED]
    news = [(item, answer) for item, answer in again if answer.proof is not item.proof]
    await record(what_if.services, context, answers + news)
    await _record_unasked(what_if, context, len(fresh) - len(answers))
    return [_with(item, answer) for item, answer in answers + again]


async def _record_unasked(what_if: WhatIfClient, context: Context, people: int) -> None:
    """Write one entry about all who were not asked about: there may be thousands."""
    if people:
        answer = Answer(proof=Proof.NOT_ASKED, detail=f"about {people} people: {what_if.stopped}")
        entry = context.entry(Action.PROOF, what_if.services.now(), outcome=answer.words)
        await what_if.services.ledger.append(context.group_id, [entry])


async def record(
    services: Services, context: Context, answers: Sequence[tuple[OffboardingRecord, Answer]]
) -> None:
    """Write the answers to the ledger, and to the records that do not have them yet."""
    now = services.now()
    entries = [_entry(context, item, answer, now) for item, answer in answers]
    await services.ledger.append(context.group_id, entries)

    async def save(pair: tuple[OffboardingRecord, Answer]) -> None:
        # Asking takes a while: what was recorded in the meantime must stay.
        current = await services.records.get(context.group_id, pair[0].row_key)
        if current is not None and current.removed_at == pair[0].removed_at:
            await services.records.save(context.group_id, [_with(current, pair[1])])

    await each((pair for pair in answers if _with(*pair) != pair[0]), save, at_once=8)


def not_blocked(people: Iterable[OffboardingRecord], group_id: str) -> list[Finding]:
    """Raise the alarm, and return a finding, for everybody whom Entra would let in."""
    findings: list[Finding] = []
    for item in people:
        if item.proof is Proof.NOT_BLOCKED:
            emit(PolicyDrift(group_id=group_id, kind=Proof.NOT_BLOCKED, user_id=item.user_id))
            findings.append(
                Finding(
                    kind=FindingKind.NOT_BLOCKED,
                    row_key=item.row_key,
                    user_id=item.user_id,
                    detail=_not_blocked_detail(item),
                )
            )
    return findings


def _not_blocked_detail(item: OffboardingRecord) -> str:
    if item.proof_policy:
        in_part = f"none blocks everywhere; these block in part: {item.proof_policy}"
        return f"Entra says that their next sign-in would not be blocked: {in_part}"
    return "Entra says that no policy would block their next sign-in"


def _with(item: OffboardingRecord, answer: Answer) -> OffboardingRecord:
    return replace(item, proof=answer.proof, proof_policy=answer.policy or answer.partly)


def _entry(context: Context, item: OffboardingRecord, answer: Answer, now: datetime) -> Entry:
    return context.entry(Action.PROOF, now, outcome=answer.words[:1000], about=item)
