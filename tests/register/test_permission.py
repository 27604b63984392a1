"""Nobody helps themselves, and whoever may only extend shortens nobody's access."""

from __future__ import annotations

import pytest

from enforcer.core.actors import Actor
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import FourEyesError, MissingRoleError
from enforcer.register import changes
from enforcer.register.feed.reading import Line
from sandbox.directory.faults import Fault
from sandbox.directory.objects import User
from tests.support.importing import import_lines
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio

_LATER = "2099-12-31"


@pytest.fixture
def anna(world: World) -> User:
    """Somebody with several addresses, who is a contractor as well."""
    return world.member("Anna Novak", mail="anna@mail.example", proxy_addresses=["smtp:a.novak@old.example"])


def _as(user: User) -> Actor:
    return Actor(id=f"user:{user.id}")


def _line(number: int, user: str, end: str) -> Line:
    return Line(number=number, row=RegisterRow(row_key=user, end_date=end))


def _names(user: User) -> list[str]:
    return [user.id, user.id.upper(), user.user_principal_name, "Anna@Mail.example", "a.novak@old.example"]


async def test_nobody_registers_themselves_under_any_name(world: World, anna: User) -> None:
    for name in _names(anna):
        with pytest.raises(FourEyesError):
            await changes.add(world.services, RegisterRow(row_key=name, end_date=RUNNING), actor=_as(anna))
    assert await world.ledger() == []


async def test_nobody_extends_or_deletes_their_own_row_under_any_key(world: World, anna: User) -> None:
    for key in (anna.id, anna.user_principal_name, "anna@mail.example", "a.novak@old.example"):
        await world.register(key, RUNNING)
        with pytest.raises(FourEyesError):
            await changes.extend(world.services, key, _LATER, actor=_as(anna))
        with pytest.raises(FourEyesError):
            await changes.remove(world.services, key, actor=_as(anna))
        await world.services.register.remove(world.group.id, key)
    assert await world.ledger() == []


async def test_nobody_imports_themselves_among_others(world: World, anna: User) -> None:
    for name in _names(anna):
        lines = [_line(2, "other@x.example", RUNNING), _line(3, name, RUNNING)]
        with pytest.raises(FourEyesError, match="line 3"):
            await import_lines(world.services, lines, actor=_as(anna))
    assert await world.services.register.whole_rows(world.group.id) == []


async def test_while_entra_is_away_the_addresses_of_the_token_count(world: World, anna: User) -> None:
    await world.register("anna@mail.example", RUNNING)
    await world.register("other@x.example", RUNNING)
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))
    actor = Actor(id=f"user:{anna.id}", addresses=frozenset({"anna@mail.example"}))
    with pytest.raises(FourEyesError):
        await changes.extend(world.services, "anna@mail.example", _LATER, actor=actor)
    await changes.extend(world.services, "other@x.example", _LATER, actor=actor)


async def test_extender_extends_and_shortens_nobody(world: World, anna: User) -> None:
    await world.register(anna.id, "2098-12-31")
    extender = Actor(id="user:somebody-else", may_shorten=False)
    await changes.extend(world.services, anna.id, _LATER, actor=extender)
    for end, start in (("2099-12-30", ""), ("2020-01-31", ""), (_LATER, "2099-01-01")):
        wanted = RegisterRow(row_key=anna.id, end_date=end, start_date=start)
        with pytest.raises(MissingRoleError, match=r"Contractors\.Offboard"):
            await changes.add(world.services, wanted, actor=extender)
    with pytest.raises(MissingRoleError):
        await changes.extend(world.services, anna.id, "2098-12-31", actor=extender)
    with pytest.raises(MissingRoleError, match="line 2"):
        await import_lines(world.services, [_line(2, anna.id, "2098-01-01")], actor=extender)
    row = await world.services.register.whole_row(world.group.id, anna.id)
    assert row is not None
    assert (row.end_date, row.start_date) == (_LATER, None)
