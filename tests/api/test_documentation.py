"""`docs/http-api.md` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enforcer.api.routes import ROUTES
from enforcer.web.problems import Code
from enforcer.web.roles import Access, sufficient_roles
from tests.support.paper_group import settings

_ROLES = {Access.ANYBODY: "none"} | {one: one.value for one in Access if one is not Access.ANYBODY}


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")


def test_the_page_has_every_route_with_who_may_call_it(page: str) -> None:
    written = re.findall(r"^\| `([A-Z]+) /([^`]+)` \| ([^|]+) \|", page, re.MULTILINE)
    assert set(written) == {(route.method, route.path, _ROLES[route.access]) for route in ROUTES}


def test_the_page_has_every_code(page: str) -> None:
    assert {code for code in Code if f"`{code}`" not in page} == set()


def test_the_page_says_which_role_has_which_rights(page: str) -> None:
    written = re.findall(r"^\| `(Contractors\.\w+)`[^|]*" + r"\| (yes)? ?" * 4 + r"\|$", page, re.MULTILINE)
    rights = (Access.READ, Access.EXTEND, Access.OFFBOARD, Access.APPROVE)
    holders = [sufficient_roles(right, settings()) for right in rights]
    given = {role: tuple("yes" if role in held else "" for held in holders) for role in holders[0]}
    assert {role: tuple(marks) for role, *marks in written} == given
