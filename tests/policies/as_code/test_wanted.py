from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from enforcer.core.exceptions import InputError, RefusedError
from enforcer.core.policy import BLOCK, LEAVERS
from enforcer.policies.as_code.guard import BreakGlass
from enforcer.policies.as_code.wanted import read_wanted
from tests.support.office import TEMPLATES
from tests.support.policy_examples import BREAK_GLASS, GROUP, POPULATION


def values_in(folder: Path, **more: object) -> Path:
    """Write a valid values file, with these changes."""
    right = {
        "breakGlassAccounts": BREAK_GLASS,
        "populationGroups": [POPULATION],
        "allowedApps": ["Office365"],
    }
    file = folder / "values.json"
    file.write_bytes(msgspec.json.encode(right | more))
    return file


def test_missing_values_are_looked_for_where_they_were_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path / "values.json")):
        read_wanted(TEMPLATES, tmp_path / "values.json", ())


def test_ids_in_capitals_are_the_same_ids(tmp_path: Path) -> None:
    group, account = "ABCDEF00-0000-0000-0000-00000000000A", "ABCDEF00-0000-0000-0000-00000000000B"
    file = values_in(tmp_path, populationGroups=[group], breakGlassAccounts=[account])
    wanted = read_wanted(TEMPLATES, file, (GROUP,))
    assert wanted.population_groups == (group.lower(),)
    assert wanted.break_glass == BreakGlass(frozenset({account.lower()}))
    assert len(wanted.policies) == 4


def test_the_leavers_policy_is_wanted_only_where_there_is_such_a_group(tmp_path: Path) -> None:
    nobody_else = values_in(tmp_path, populationGroups=[], guestTypes=[])
    keys = {policy.key for policy in read_wanted(TEMPLATES, nobody_else, (GROUP,), POPULATION).policies}
    assert LEAVERS in keys
    assert BLOCK not in keys  # it would apply to nobody
    both = {
        policy.key: policy
        for policy in read_wanted(TEMPLATES, values_in(tmp_path), (GROUP,), POPULATION).policies
    }
    assert BLOCK in both
    assert both[LEAVERS].users.include_groups == (POPULATION,)
    with pytest.raises(RefusedError, match="includes the managed group"):
        read_wanted(TEMPLATES, values_in(tmp_path), (GROUP,), GROUP)


def test_what_would_lock_everybody_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="blocks every app"):
        read_wanted(TEMPLATES, values_in(tmp_path, allowedApps=[]), (GROUP,))
