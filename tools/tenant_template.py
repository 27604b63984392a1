"""Write the form of a tenant file from the parameters of `infra/main.bicep`: `make docs`.

`enforcer init` fills the form in. Descriptions and defaults are stated once, in the Bicep file.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

PROJECT = Path(__file__).parents[1]
FORM = PROJECT / "enforcer/deployment/tenant.yaml"
_MAIN = PROJECT / "infra/main.bicep"
_PARAMETER = re.compile(r"(?m)((?:^@.*\n)*)^param (\w+) ([^\s=]+)(?: = (.+))?$")
_DESCRIPTION = re.compile(r"@description\('((?:[^'\\]|\\.)*)'\)")
_ALLOWED = re.compile(r"@allowed\(\[(.*?)\]\)")
_WIDTH = 110

_HEAD = """\
# How one tenant's enforcer is deployed, and how it runs. `enforcer init` wrote this file; edit and commit it.
# Bicep and the command line both read it. It holds no secrets: notifyUrls takes a Key Vault reference,
# '@Microsoft.KeyVault(SecretUri=https://VAULT.vault.azure.net/secrets/NAME)'.

# ---- Where it is deployed, and for whom: read by `enforcer deploy` ----

# ID or name of the Azure subscription; empty for the one that `az account show` names.
subscription: ''

# Resource group of everything that is deployed; created if it is missing.
resourceGroup: 'rg-contractor-access'

# Name of the managed group that `enforcer deploy` creates; empty if the group exists already.
newGroup: ''

# How memberships are changed: as an owner of the managed group, or with a permission over every group. One
# of: owner, tenant.
membership: 'owner'

# Whether the enforcer may read Conditional Access policies, to check that they still block leavers.
readPolicies: true

# Who may approve held plans: {id: OBJECT_ID, type: Group|User|ServicePrincipal}.
approvers: []

# Who may register and extend contractors, and end nobody's access.
extenders: []

# Who may look at the register, runs and status, and change nothing.
readers: []

# ---- The parameters of infra/main.bicep ----
"""
# Defaults that Bicep computes.
_COMPUTED = {
    "location": "''",
    "tenantId": "''",
    "authorityUrl": "'https://login.microsoftonline.com'",
    "identityName": "'id-contractor-access'",
    "identityResourceGroup": "'rg-contractor-access'",
    "privateNetwork": "null",
    "groupIds": "[]",
    "mode": "''",
}


def render() -> str:
    """Return the form."""
    parameters = _PARAMETER.findall(_MAIN.read_text(encoding="utf-8"))
    return _HEAD + "".join(_entry(*parameter) for parameter in parameters)


def _entry(decorators: str, name: str, _kind: str, default: str) -> str:
    described = _DESCRIPTION.search(decorators)
    comment = described[1].replace("\\'", "'") if described else name
    if allowed := _ALLOWED.search(decorators):
        comment += f" One of: {allowed[1].replace("'", '')}."
    lines = textwrap.wrap(comment, _WIDTH - 2, break_on_hyphens=False, break_long_words=False)
    value = _COMPUTED.get(name, default)
    if not re.fullmatch(r"'[^'$]*'|\[.*\]|\{\}|true|false|null|\d+", value):
        raise ValueError(f"{name}: no default that YAML can hold: {value!r}; add it to _COMPUTED")
    return "\n" + "".join(f"# {line}\n" for line in lines) + f"{name}: {value}\n"


if __name__ == "__main__":
    FORM.write_text(render(), encoding="utf-8")
