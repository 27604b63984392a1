"""The few settings that a plan depends on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from enforcer.core.brake import Brake
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.settings import Disable, Onboarding, Settings, Unregistered


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """What decides who is due and what is done about it.

    Attributes:
        protected: Object IDs of people who are never acted upon.
        leavers_group: Whoever leaves is also put into this group; empty for none.
        soon: How far ahead an end is pointed out.
    """

    dates: DateRules
    brake: Brake
    disable: Disable
    unregistered: Unregistered
    onboard: Onboarding
    protected: frozenset[str]
    leavers_group: str
    soon: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            dates=settings.date_rules,
            brake=settings.brake,
            disable=settings.disable_accounts,
            unregistered=settings.unregistered,
            onboard=settings.onboard,
            protected=settings.protected_ids,
            leavers_group=settings.leavers_group,
            soon=timedelta(days=max(settings.warn_days, default=0)),
        )
