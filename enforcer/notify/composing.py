"""Writes a message when it is sent, from what the register and the runs say then, never from the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from enforcer.core.messages import Message
from enforcer.core.run_ids import is_run_id
from enforcer.core.runs import RunKind
from enforcer.core.warnings import Notice, by_sponsor
from enforcer.notify.upcoming import notices
from enforcer.notify.wording import Text, Unwarned, given_up, on_demand, run_summary, sponsor_mail
from enforcer.services import Services


class SponsorMails:
    """Writes the mails to sponsors; what it has put into one mail is in no other."""

    def __init__(self, services: Services, due: Sequence[Notice]) -> None:
        self._zone = services.settings.zone
        self._due = {
            sponsor: {notice.key: notice for notice in theirs}
            for sponsor, theirs in by_sponsor(due, services.settings.sponsor_domains).items()
        }

    @classmethod
    async def read(cls, services: Services) -> SponsorMails:
        """Read what sponsors are to be told and were not told.

        Raises:
            RunError, UnavailableError: Register or outbox could not be read.
        """
        said = (await services.outbox.mails()).said
        return cls(services, await notices(services, services.settings.group_ids, said))

    async def text(self, message: Message) -> Text | None:
        """Return a mail's text; None where this sponsor is to be told nothing of it (any more)."""
        due = self._due.get(message.recipient, {})
        found = [due.pop(key) for key in message.says if key in due]
        return sponsor_mail(found, self._zone) if found else None


async def about_run(services: Services, message: Message, mails_left: int) -> Text | None:
    """Return the text of a message to operators; None where there is no such run.

    Args:
        services: The adapters.
        message: Names a run and the groups that it was about.
        mails_left: How many mails to sponsors have to wait for the next night.

    Raises:
        RunError, UnavailableError: The run or the register could not be read.
    """
    run_id, *group_ids = message.says or ("",)
    runs = await services.runs.of_id(run_id, group_ids) if is_run_id(run_id) else []
    if not runs:
        return None
    if any(run.is_given_up for run in runs):
        return given_up(runs)
    if runs[0].kind is not RunKind.SWEEP:
        return on_demand(runs)
    run = runs[0]
    found = await services.runs.findings(run.group_id, run.run_id)
    due = await notices(services, (run.group_id,))
    unwarned = Unwarned.of(due, services.settings.sponsor_domains, mails_left)
    waiting = await services.plans.waiting([run.group_id])
    return run_summary(run, found.by_kind, unwarned, waiting)
