"""A company of about forty people with contractors of every kind; dates are relative to today."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from sandbox.directory.objects import AppRole, Group, ServicePrincipal, User
from sandbox.directory.tenant import Tenant

_PERMISSIONS = (
    "GroupMember.Read.All",
    "User.Read.All",
    "User.RevokeSessions.All",
    "Policy.Read.All",
    "Mail.Send",
)
_MEMBERS = (
    "Ada Novak", "Bilal Khan", "Chiara Conti", "Dmitri Orlov", "Elif Kaya", "Femi Adeyemi", "Grace Osei",
    "Hugo Meyer", "Ines Duarte", "Jonas Berg", "Keiko Sato", "Liam Walsh", "Mina Farahani", "Nils Holm",
    "Oksana Shevchenko", "Pedro Alves", "Quinn Harper", "Rosa Lindt", "Sven Aalto", "Tomas Vesely",
    "Uma Pillai", "Viktor Kiss", "Wanda Nowak", "Xavier Roux",
)  # fmt: skip
_GUESTS = (
    "Amir Cohen", "Beth Young", "Carl Jansen", "Dina Haddad", "Enzo Ricci", "Fay Thompson", "Gita Rao",
    "Hana Kim", "Ivo Petrov", "Joy Mensah", "Kai Lund", "Lea Martin", "Max Weber", "Nora Fox",
)  # fmt: skip
_UNREGISTERED = ("Ghost Account", "Forgotten Admin")
# Days from today to the last day of access; everybody else has months left.
_ENDS = {
    "Ada Novak": -1, "Bilal Khan": -3, "Chiara Conti": -40, "Dmitri Orlov": -200,
    "Amir Cohen": -1, "Beth Young": -9, "Carl Jansen": -95,
    "Elif Kaya": 0, "Femi Adeyemi": 1, "Grace Osei": 5, "Dina Haddad": 6, "Hugo Meyer": 13,
}  # fmt: skip
_UNREADABLE = "Max Weber"
# Role template ID, the same in every tenant.
_CONDITIONAL_ACCESS_ADMINISTRATOR = "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row for the register; guests are listed by e-mail address, which is all that HR knows of them."""

    row_key: str
    end_date: str
    display_name: str
    company: str
    sponsor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The tenant, its one managed group, and the rows that HR has written."""

    tenant: Tenant
    contractors: Group
    everybody: Group
    operator: User
    approver: User
    break_glass: tuple[User, ...]
    api: ServicePrincipal
    rows: tuple[Row, ...] = field(default=())


def found_company(today: date) -> Company:
    """Create the company as of this day."""
    tenant = Tenant(display_name="Contoso")
    identity = tenant.add_managed_identity("contractor-access-enforcer", *_PERMISSIONS)
    operator = tenant.add_user("Olivia Operator", directory_roles=[_CONDITIONAL_ACCESS_ADMINISTRATOR])
    approver = tenant.add_user("Arno Approver")
    break_glass = (tenant.add_user("Break Glass 1"), tenant.add_user("Break Glass 2"))
    # The identity owns the group, so that it needs no permission over every group of the tenant.
    contractors = tenant.add_group("Contractors", owners=[identity])
    people = [tenant.add_user(name) for name in (*_MEMBERS, *_UNREGISTERED)]
    people += [tenant.add_guest(name, f"{_alias(name)}@partner.example") for name in _GUESTS]
    tenant.fill_group(contractors, people)
    # All contractors, past and present: those who are in this group but in no managed group are blocked.
    everybody = tenant.add_group("All contractors", members=people)
    api = tenant.add_application("Contractor access enforcer API", roles=_api_roles())
    tenant.grant(operator, "Contractors.Offboard", on=api)
    tenant.grant(approver, "Contractors.Approve", on=api)
    rows = tuple(_row(person, today) for person in people if person.display_name not in _UNREGISTERED)
    return Company(
        tenant=tenant,
        contractors=contractors,
        everybody=everybody,
        operator=operator,
        approver=approver,
        break_glass=break_glass,
        api=api,
        rows=rows,
    )


def _api_roles() -> list[AppRole]:
    values = ("Contractors.Offboard", "Contractors.Read", "Contractors.Extend", "Contractors.Approve")
    return [
        AppRole(
            id=f"6f3b2f5a-6c34-4f0e-9a0b-0d5f6d1f7a0{number}",
            value=value,
            allowed_member_types=["User", "Application"],
        )
        for number, value in enumerate(values, start=1)
    ]


def _row(person: User, today: date) -> Row:
    name = person.display_name or ""
    guest = person.user_type == "Guest"
    end = today + timedelta(days=_ENDS.get(name, 90 + 7 * (len(name) % 12)))
    return Row(
        row_key=(person.mail or "") if guest else person.id,
        end_date="31.02.2027" if name == _UNREADABLE else end.isoformat(),
        display_name=name,
        company="Partner GmbH" if guest else "Freelance",
        sponsor="sam.sponsor@contoso.example",
    )


def _alias(name: str) -> str:
    return name.lower().replace(" ", ".")
