from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from enforcer.core.exceptions import InputError
from enforcer.policies.as_code.parameters import SIGN_IN_APPS, Parameters, placeholders, read_parameters
from tests.support.office import TEMPLATES
from tests.support.policy_examples import BREAK_GLASS, GROUP, VALUES


def test_the_example_beside_the_templates_can_be_read() -> None:
    values = read_parameters(TEMPLATES / "values.example.json")
    assert len(values.break_glass_accounts) == 2


def test_everything_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_bytes(
        msgspec.json.encode(
            {
                "breakGlassAccounts": ["admin@contoso.com"],
                "allowedApps": ["Teams"],
                "populationGroups": ["everybody"],
                "guestTypes": ["serviceProvider"],
                "authenticationStrength": "strong",
                "signInFrequencyHours": 24,
            }
        )
    )
    with pytest.raises(InputError) as refused:
        read_parameters(file)
    for word in ("admin@contoso.com", "Teams", "everybody", "serviceProvider", "strong", "24"):
        assert word in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"breakGlassAccounts":[]}', '{"allowedApps":[],"brakeGlass":[]}']
)
def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"mine\.json"):
        read_parameters(file)


def test_a_missing_file_is_refused_with_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"values\.example\.json"):
        read_parameters(tmp_path / "values.json")


def test_a_strength_may_be_named_or_given_by_its_id() -> None:
    for strength, expected in (
        ("mfa", ""),
        ("phishing-resistant", "00000000-0000-0000-0000-000000000004"),
        (GROUP.upper(), GROUP),
    ):
        values = msgspec.structs.replace(VALUES, authentication_strength=strength)
        assert placeholders(values, (GROUP,))["authenticationStrength"] == expected


def test_a_compliant_device_is_only_asked_for_where_it_is_wanted() -> None:
    wanted = msgspec.structs.replace(VALUES, require_compliant_device=True)
    assert placeholders(VALUES, (GROUP,))["deviceControls"] == ()
    assert placeholders(wanted, (GROUP,))["deviceControls"] == ("compliantDevice",)


def test_ids_are_written_as_graph_writes_them() -> None:
    values = Parameters(break_glass_accounts=tuple(item.upper() for item in BREAK_GLASS), allowed_apps=())
    assert placeholders(values, (GROUP,))["breakGlassAccounts"] == BREAK_GLASS


def test_apps_that_signing_in_needs_are_allowed_unless_others_are_named() -> None:
    assert placeholders(VALUES, (GROUP,))["allowedApps"] == ("Office365", *SIGN_IN_APPS)
    fewer = msgspec.structs.replace(VALUES, sign_in_apps=SIGN_IN_APPS[:1])
    assert placeholders(fewer, (GROUP,))["allowedApps"] == ("Office365", SIGN_IN_APPS[0])
