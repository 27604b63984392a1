from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from enforcer.core.exceptions import InputError
from enforcer.core.policy import PolicyState
from enforcer.policies.as_code.parameters import placeholders
from enforcer.policies.as_code.templates import Template, read_templates, render
from sandbox.directory.routes.policy_forms import completed
from tests.support.office import TEMPLATES
from tests.support.policy_examples import BREAK_GLASS, FULL, GROUP, POPULATION, VALUES, shipped

VALUES_OF = placeholders(VALUES, (GROUP,))


def test_seven_policies_are_shipped() -> None:
    assert [template.key for template in read_templates(TEMPLATES)] == [
        "allowed-apps-only",
        "authentication-strength",
        "compliant-device",
        "leavers-blocked",
        "no-group-no-access",
        "short-sessions",
        "strong-sign-in",
    ]


def test_every_shipped_policy_is_accepted_by_graph_with_all_values_filled() -> None:
    for policy in (shipped() | shipped(FULL, leavers_group=GROUP)).values():
        completed(policy.body)
        assert "{{" not in msgspec.json.encode(policy.body).decode()


def test_shipped_policies_are_report_only_and_exclude_break_glass_accounts() -> None:
    for policy in shipped().values():
        assert policy.users.exclude_users == BREAK_GLASS
        assert policy.state is PolicyState.REPORT_ONLY


def test_the_block_policy_meets_the_population_but_for_the_managed_group() -> None:
    users = shipped()["no-group-no-access"].users
    assert users.include_groups == (POPULATION,)
    assert users.exclude_groups == (GROUP,)
    assert users.include_guests_or_external_users is not None


def test_what_is_not_asked_for_makes_no_policy() -> None:
    assert shipped().keys() == {"allowed-apps-only", "no-group-no-access", "short-sessions", "strong-sign-in"}
    assert len(shipped(FULL)) == 6


def test_everybody_is_asked_for_mfa_and_entra_users_for_the_strength_too() -> None:
    policies = shipped(FULL)
    assert policies["strong-sign-in"].body["grantControls"]["builtInControls"] == ["mfa"]
    strength = policies["authentication-strength"].body["grantControls"]["authenticationStrength"]
    assert strength == {"id": "00000000-0000-0000-0000-000000000003"}


def test_guests_need_a_compliant_device_only_where_devices_are_trusted() -> None:
    guests = shipped(FULL)["compliant-device"].users.exclude_guests_or_external_users
    assert guests is not None
    assert len(guests.kinds) == 6
    trusting = shipped(msgspec.structs.replace(FULL, trust_guest_devices=True))["compliant-device"]
    assert trusting.users.exclude_guests_or_external_users is None


def test_without_guest_types_the_groups_alone_are_the_population() -> None:
    policy = shipped(msgspec.structs.replace(VALUES, guest_types=()))["no-group-no-access"]
    assert policy.users.include_guests_or_external_users is None
    completed(policy.body)


def test_placeholders_and_templates_use_exactly_each_other() -> None:
    text = "".join(path.read_text() for path in TEMPLATES.glob("*.json"))
    assert set(re.findall(r"\{\{(\w+)\}\}", text)) == VALUES_OF.keys()


def test_a_placeholder_that_nobody_knows_is_refused_by_its_name() -> None:
    template = Template("mine", {"displayName": "{{whoKnows}}"})
    with pytest.raises(InputError, match=r"\{\{whoKnows\}\}.*managedGroups"):
        render(template, VALUES_OF)


def test_text_cannot_break_out_of_its_place() -> None:
    policy = render(Template("mine", {"displayName": "{{evil}}"}), {"evil": '", "state": "enabled'})
    assert policy is not None
    body = policy.body
    assert body["displayName"].startswith('", "state": "enabled')
    assert "state" not in body


def test_a_directory_without_the_block_policy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(InputError, match=r"no-group-no-access\.json"):
        read_templates(tmp_path)


def test_a_template_that_is_not_json_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(InputError, match=r"mine\.json"):
        read_templates(tmp_path)
