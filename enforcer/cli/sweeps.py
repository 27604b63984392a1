"""`plan`, `apply` and `approve`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import click
import msgspec

from enforcer.api.documents import ApprovedPlans
from enforcer.cli.asking import asks, yes_option
from enforcer.cli.dates import WhenType, local
from enforcer.cli.output import Table, json_text, output_option, tell, write_json, write_tables
from enforcer.cli.plan_file import ExpectedPlan, read_plan, written_plan
from enforcer.cli.remote import RemoteApi, Way, act, direct_option
from enforcer.cli.running import DONE, HELD, UNDONE, USAGE, with_services
from enforcer.cli.who import as_actor
from enforcer.core.actors import Actor
from enforcer.core.exceptions import EnforcerError, InputError
from enforcer.core.keys import is_object_id
from enforcer.core.plan import Finding, HeldPlan, Offboard, Plan
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import Occasion, Report, Run, RunState, total
from enforcer.services import Services
from enforcer.sweep import approval
from enforcer.sweep.planning import make_whole_plan
from enforcer.sweep.sweep import SweepRequest, sweep

_DIGEST_LENGTH = 64

# The commands --------------------------------------------------------------------------------------------


@click.command()
@click.option("--as-of", type=WhenType(), metavar="WHEN", help="Plan for that day or instant, not for now.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan to FILE as JSON."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do.")
@output_option
def plan(as_of: datetime | None, out: Path | None, detailed_exitcode: bool, as_json: bool) -> int:  # noqa: FBT001
    """Show who would be offboarded, and why. Changes nothing."""
    made = with_services(
        "reading the register and the groups", lambda services: make_whole_plan(services, as_of)
    )
    written = written_plan(made)
    if out is not None:
        out.write_text(json_text(written), encoding="utf-8")
        tell(f"plan {made.digest} written to {out}")
    if as_json:
        write_json(written)
    else:
        _show_plan(made)
    return USAGE if detailed_exitcode and not made.is_empty else DONE


@click.command()
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Act only if the plan is still the one in FILE.",
)
@yes_option
@direct_option
@output_option
def apply(*, plan_file: Path | None, yes: bool, way: Way, as_json: bool) -> int:
    """Offboard everybody who is due, now, from here. Where ENFORCER_API_URL is set, the app does: `sweep`."""
    if way is Way.API:
        raise click.UsageError(
            "nothing was done, because ENFORCER_API_URL is set: use `enforcer sweep`, or, while the app is"
            " down, `enforcer apply --direct`"
        )
    expected = read_plan(plan_file) if plan_file else None
    if asks(yes=yes):
        expected = _agreed(expected)
    done = with_services("sweeping", as_actor(lambda services, actor: sweep_all(services, actor, expected)))
    if as_json:
        write_json(_applied(done))
    else:
        _show_reports(done.reports)
    for error in done.errors:
        tell(f"error: {error}")
    return exit_code(done)


def _agreed(expected: ExpectedPlan | None) -> ExpectedPlan:
    """Show the plan and ask; what is carried out is exactly what somebody has seen. Raises click.Abort."""
    made = with_services("reading the register and the groups", make_whole_plan)
    if expected is not None and expected.digest != made.digest:
        raise changed(expected, made)
    leavers = [_named(person) for group in made.groups for person in group.offboard]
    joiners = [person.row_key for group in made.groups for person in group.onboard]
    for doing, names in (("to offboard", leavers), ("to add", joiners)):
        if names:
            tell(f"{doing}: {', '.join(names)}")
    if leavers or joiners:
        click.confirm(f"{len(leavers) + len(joiners)} people. Carry it out?", abort=True, err=True)
    return ExpectedPlan(schema=1, digest=made.digest)


def _named(person: Offboard) -> str:
    return person.user_principal_name or person.row_key or person.user_id


@click.command()
@click.argument("digest", default="")
@direct_option
@output_option
def approve(digest: str, way: Way, as_json: bool) -> int:  # noqa: FBT001
    """Approve a plan that the brake holds: for one run, and only while the same people are in it.

    The beginning of its DIGEST is enough; without any, the one plan that is held is meant.
    """
    if len(digest) < _DIGEST_LENGTH:
        begun = digest
        digest = with_services(
            "looking for the plan", lambda services: approval.waiting_digest(services, begun)
        )

    async def ask(api: RemoteApi) -> Sequence[HeldPlan]:
        return (await api.call("POST", ("plans", digest, "approval"))).read(ApprovedPlans).plans

    approved = act(
        "approving",
        way,
        remotely=ask,
        directly=lambda services, actor: approval.approve(services, digest, actor=actor),
    )
    if as_json:
        write_json(approved)
    else:
        rows = [(plan.digest, plan.group_id, plan.people, plan.members) for plan in approved]
        write_tables(Table("Approved", ("plan", "group", "people", "of members"), rows))
    tell("the next sweep carries it out, if its plan is still the same: `enforcer sweep`, or tonight's run")
    return DONE


# Applying ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweptGroups:
    """What came of all groups, as one run and one by one."""

    run: Run
    reports: Sequence[Report]
    errors: Sequence[EnforcerError]


async def sweep_all(
    services: Services, actor: Actor, expected: ExpectedPlan | None = None, *, only_look: bool = False
) -> SweptGroups:
    """Sweep one group after the other; if one fails, the others are still swept. Rest: as `SweepRequest`."""
    digests = await _expected_digests(services, expected) if expected else {}
    begun = _begun(services, actor)
    reports: list[Report] = []
    errors: list[EnforcerError] = []
    for group_id in services.settings.group_ids:
        request = SweepRequest(
            group_id=group_id,
            actor=begun.actor,
            actor_name=begun.actor_name,
            reason=begun.reason,
            run_id=begun.run_id,
            expected_digest=digests.get(group_id, ""),
            only_look=only_look,
        )
        try:
            reports.append(await sweep(services, request))
        except EnforcerError as error:
            errors.append(error)
    state = RunState.FAILED if errors else RunState.COMPLETE
    ended = replace(begun, state=state, finished_at=services.now())
    return SweptGroups(total(ended, reports), reports, errors)


def _begun(services: Services, actor: Actor) -> Run:
    started_at, group_ids = services.now(), services.settings.group_ids
    return Run(
        run_id=new_run_id(started_at),
        group_id=group_ids[0] if len(group_ids) == 1 else "",
        started_at=started_at,
        mode=services.settings.mode.value,
        reason=Occasion.APPLY.value,
        actor=actor.id,
        actor_name=actor.name,
    )


async def _expected_digests(services: Services, expected: ExpectedPlan) -> dict[str, str]:
    """Return each group's digest, if the plan as a whole is still the expected one.

    Raises:
        InputError: It has changed in some group; nothing is done in any.
    """
    present = await make_whole_plan(services)
    if present.digest != expected.digest:
        raise changed(expected, present)
    return {group.group_id: group.digest for group in present.groups}


def changed(expected: ExpectedPlan, present: Plan) -> InputError:
    """Return the refusal of a plan that is not the expected one any more."""
    return InputError(
        f"the plan has changed: it was {expected.digest}, now it is {present.digest};"
        " look at the new plan first",
        field="plan",
    )


def _applied(done: SweptGroups) -> object:
    return {
        **msgspec.to_builtins(done.run),
        "groups": [report.run for report in done.reports],
        "people": [
            {
                "group_id": report.run.group_id,
                "user_id": outcome.record.user_id,
                "row_key": outcome.record.row_key,
                "result": outcome.result,
                "sessions": outcome.record.sessions,
                "proof": outcome.record.proof,
                "proof_policy": outcome.record.proof_policy,
                "reason": outcome.reason,
            }
            for report in done.reports
            for outcome in report.outcomes
        ],
        "errors": [str(error) for error in done.errors],
    }


def exit_code(done: SweptGroups) -> int:
    if done.errors or any(report.run.incomplete for report in done.reports):
        return UNDONE
    return HELD if any(report.run.holds for report in done.reports) else DONE


# Tables for people ---------------------------------------------------------------------------------------


def _show_plan(plan: Plan) -> None:
    for group in plan.groups:
        people = [
            (
                _named(person),
                local(person.due_at),
                "guest" if person.known_kind.may_be_guest else "member",
                ", ".join(person.steps),
                person.end_date,
            )
            for person in group.offboard
        ]
        soon = [(end.user_principal_name, local(end.due_at), end.end_date) for end in group.ending_soon]
        joiners = [(new.row_key, new.end_date) for new in group.onboard]
        title = f"Group {group.group_id}, {group.members} members: to offboard ({len(people)})"
        names = {person.user_id: person.user_principal_name for person in group.offboard}
        names |= {end.user_id: end.user_principal_name for end in group.ending_soon}
        write_tables(
            Table(title, ("who", "due at", "kind", "steps", "end date"), people),
            Table("To onboard", ("who", "end date"), joiners),
            Table("Ending soon", ("who", "due at", "end date"), soon),
            _findings(group.findings, names),
        )
        if group.held or group.held_onboard:
            waiting = [f"{len(people)} of {group.members} members"] if group.held else []
            waiting += [f"{len(joiners)} people to add"] if group.held_onboard else []
            tell(f"HELD by the brake: {' and '.join(waiting)}. Approve it with:")
            tell(f"  enforcer approve {group.digest}")
    tell(f"plan {plan.digest} as of {local(plan.as_of)}")


def _show_reports(reports: Sequence[Report]) -> None:
    for report in reports:
        run = report.run
        people = [
            (
                outcome.record.row_key,
                outcome.result,
                outcome.record.sessions,
                outcome.record.proof,
                outcome.reason,
            )
            for outcome in report.outcomes
        ]
        counts = ("due", "removed", "already_absent", "revoked", "disabled", "verified", "skipped", "stuck")
        write_tables(
            Table(
                f"Run {run.run_id}, group {run.group_id} ({run.mode})",
                counts,
                [[getattr(run, name) for name in counts]],
            ),
            Table("People", ("who", "result", "sessions", "next sign-in", "reason"), people, ("reason",)),
            _findings(report.findings, {}),
        )
        for held in report.waiting:
            tell(f"HELD by the brake: {held.size}. Approve it with: enforcer approve {held.digest}")


def _findings(findings: Sequence[Finding], names: Mapping[str, str]) -> Table:
    """Show findings under the best known name; `names` has user principal names by object ID."""
    rows = []
    for found in findings:
        key = found.row_key or found.user_id or "-"
        who = (names.get(found.user_id or "") or key) if is_object_id(key) else key
        rows.append((who, found.kind, found.detail, None if who == found.user_id else found.user_id))
    columns = ("who", "kind", "detail", "object ID")
    return Table(f"Findings ({len(rows)})", columns, rows, ("detail",), ids=("object ID",))
