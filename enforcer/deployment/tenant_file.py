"""The file of one tenant: `tenants/NAME.yaml`, which Bicep and the command line both read.

Every scalar is read as text: what it means is decided by the settings, not by YAML, in which `off` is a truth
value and `00:30` a number of minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from enforcer.core.exceptions import InputError, SettingsError
from enforcer.core.keys import is_object_id
from enforcer.core.setting_values import object_id
from enforcer.core.settings import load_settings, names

if TYPE_CHECKING:
    import yaml

TENANTS = Path("tenants")
# The keys that are not parameters of infra/main.bicep.
OWN_KEYS = frozenset(
    {
        "subscription",
        "resourceGroup",
        "newGroup",
        "membership",
        "readPolicies",
        "approvers",
        "extenders",
        "readers",
    }
)
PRINCIPALS = ("operators", "approvers", "extenders", "readers", "registerWriters")
_PRINCIPAL_TYPES = ("Group", "User", "ServicePrincipal")
_SECRETS = frozenset({"ENFORCER_NOTIFY_URLS", "ENFORCER_HEARTBEAT_URLS"})
_VAULT = "@Microsoft.KeyVault("
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Where a tenant's tables are is not in the file; settings are checked as if it were known.
_SOMEWHERE = {"EnforcerStorage__tableServiceUri": "https://tables.invalid"}
_NO_GROUP_YET = "00000000-0000-0000-0000-000000000000"

type Value = str | list[Any] | dict[str, Any]


class TenantFileError(InputError):
    """A tenant file is missing or wrong; names every wrong line."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            problems[0] if len(problems) == 1 else f"{path} has {len(problems)} faults:\n{lines}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who is given a role: their object ID, and what kind of object that is."""

    id: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFile:
    """A tenant file, as it is written.

    Attributes:
        path: Where it is.
        text: The whole of it, with its comments.
        values: Its keys; every scalar is text.
    """

    path: Path
    text: str
    values: Mapping[str, Value]

    @property
    def name(self) -> str:
        return self.path.stem

    def get(self, key: str) -> str:
        """Return a key's text; empty if the file does not have it."""
        value = self.values.get(key, "")
        return value.strip() if isinstance(value, str) else ""

    def several(self, key: str) -> tuple[str, ...]:
        """Return the entries of a list of texts."""
        value = self.values.get(key, [])
        return tuple(str(entry).strip() for entry in value) if isinstance(value, list) else ()

    def principals(self, key: str) -> tuple[Principal, ...]:
        """Return the entries of a list of principals; the file has been checked."""
        value = self.values.get(key, [])
        return tuple(Principal(id=one["id"].lower(), type=one["type"]) for one in value)  # type: ignore[index]

    def environment(self) -> dict[str, str]:
        """Return the settings that the file has, by their names; those in a Key Vault are left out."""
        known = names()
        rendered = ((setting_of(key), _rendered(value)) for key, value in self.values.items())
        return {
            name: text for name, text in rendered if name in known and text and not text.startswith(_VAULT)
        }

    def with_value(self, key: str, value: str | tuple[str, ...] | tuple[Principal, ...]) -> Self:
        """Return the file with another value for a key, its comments kept; a missing key is added."""
        line = f"{key}: {in_yaml(value)}"
        pattern = re.compile(rf"(?m)^{re.escape(key)}:.*(?:\n[ -].*)*$")
        if pattern.search(self.text):
            text = pattern.sub(lambda _: line, self.text, count=1)
        else:
            text = f"{self.text.rstrip()}\n\n{line}\n"
        return replace(self, text=text, values=parsed(self.path, text))

    def completed(self) -> tuple[Self, tuple[str, ...]]:
        """Return the file with what a later version's form has besides, and the keys that were added."""
        missing = [entry for entry in _entries(form()) if _key_of(entry) not in self.values]
        if not missing:
            return self, ()
        text = "\n\n".join((self.text.rstrip(), *missing)) + "\n"
        file = replace(self, text=text, values=parsed(self.path, text))
        return file, tuple(_key_of(entry) for entry in missing)

    def write(self) -> None:
        """Write the file, and beside it the parameter file that gives its values to Bicep."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding="utf-8")
        self.parameter_file.write_text(self.parameters(), encoding="utf-8")

    @property
    def parameter_file(self) -> Path:
        return self.path.with_suffix(".bicepparam")

    def parameters(self) -> str:
        """Return the parameter file: it loads the values when it is compiled, and has none of its own."""
        lines = (f"param {key} = tenant.{key}" for key in self.values if key not in OWN_KEYS)
        return _PARAMETERS.format(file=self.path.name) + "".join(f"{line}\n" for line in lines)


_PARAMETERS = """\
// Written by `enforcer init` and `enforcer deploy`. The values are in {file}: edit them there.
using '../infra/main.bicep'

var tenant = loadYamlContent('{file}')

"""


def path_of(name: str) -> Path:
    """Return where the file of a tenant is. Raises InputError for what cannot be a name."""
    if not _NAME.fullmatch(name):
        wanted = "lower-case letters, digits and hyphens, at most 40"
        raise InputError(f"--tenant {name!r} is not a name of a tenant file: {wanted}", field="tenant")
    return TENANTS / f"{name}.yaml"


def read_tenant_file(name: str) -> TenantFile:
    """Read and check a tenant's file.

    Raises:
        TenantFileError: It is missing, or says what cannot be; names everything that is wrong.
    """
    path = path_of(name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        there = sorted(one.stem for one in TENANTS.glob("*.yaml"))
        known = f"there are {', '.join(there)}" if there else f"write it with `enforcer init {name}`"
        raise TenantFileError(path, (f"there is no file {path}; {known}",)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise TenantFileError(path, (f"{path} cannot be read: {error}",)) from error
    file = TenantFile(path=path, text=text, values=parsed(path, text))
    check(file)
    return file


def check(file: TenantFile) -> None:
    """Raise TenantFileError if the file says what cannot be."""
    problems = tuple(f"{file.path}: {problem}" for problem in _problems(file))
    if problems:
        raise TenantFileError(file.path, problems)


@cache
def form() -> str:
    """Return the form that `enforcer init` fills in: every key, with its comment and default."""
    return resources.files("enforcer.deployment").joinpath("tenant.yaml").read_text(encoding="utf-8")


def setting_of(key: str) -> str:
    """Return the setting that a key is for: `groupIds` is ENFORCER_GROUP_IDS."""
    return "ENFORCER_" + re.sub(r"(?=[A-Z])", "_", key).upper()


def in_yaml(value: str | Principal | tuple[str, ...] | tuple[Principal, ...]) -> str:
    """Return a text, a principal, or a list of them, as YAML that means the same to every reader."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(in_yaml, value))}]"
    if isinstance(value, Principal):
        return f"{{id: {in_yaml(value.id)}, type: {value.type}}}"
    quoted = value.replace("'", "''")
    return f"'{quoted}'"


# Reading ---------------------------------------------------------------------------------------------------


def parsed(path: Path, text: str) -> Mapping[str, Value]:
    """Return the keys and values of a tenant file's text. Raises TenantFileError."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        values = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 -- it makes texts, lists and mappings only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "it is not text"
        raise TenantFileError(path, (f"{place} is not YAML: {problem}",)) from error
    if not isinstance(values, dict):
        raise TenantFileError(
            path, (f"{path} has no `key: value` lines; `enforcer init` writes such a file",)
        )
    if twice := [*_written_twice(root)]:
        raise TenantFileError(path, tuple(f"{path}:{line} has {key} a second time" for key, line in twice))
    return values


def _written_twice(root: yaml.MappingNode) -> Iterator[tuple[str, int]]:
    seen = set()
    for key, _ in root.value:
        if key.value in seen:
            yield key.value, key.start_mark.line + 1
        seen.add(key.value)


def _keys(text: str) -> list[str]:
    return re.findall(r"(?m)^(\w+):", text)


def _entries(text: str) -> list[str]:
    return [block for block in re.split(r"\n{2,}", text.strip()) if _keys(block)]


def _key_of(block: str) -> str:
    return _keys(block)[0]


def _rendered(value: Value) -> str:
    if isinstance(value, list):
        return ",".join(str(entry).strip() for entry in value if not isinstance(entry, dict))
    return value.strip() if isinstance(value, str) else ""


# Checking --------------------------------------------------------------------------------------------------


def _problems(file: TenantFile) -> Iterator[str]:
    known = frozenset(_keys(form()))
    for key in sorted(file.values.keys() - known):
        near = get_close_matches(key, known, n=1)
        yield f"{key} is not a key of tenant files" + (f"; perhaps {near[0]}" if near else "")
    yield from _secret_problems(file)
    for key in PRINCIPALS:
        yield from _principal_problems(key, file.values.get(key, []))
    if not file.several("groupIds") and not file.get("newGroup"):
        yield "groupIds and newGroup are both empty; name the managed group, or the one to create"
    yield from _setting_problems(file)


def _secret_problems(file: TenantFile) -> Iterator[str]:
    for key, value in file.values.items():
        text = _rendered(value)
        if setting_of(key) in _SECRETS and text and not text.startswith(_VAULT):
            yield (
                f"{key} is written out (not shown, it may hold a secret); put it into a Key Vault and write"
                f" '{_VAULT}SecretUri=https://VAULT.vault.azure.net/secrets/NAME)'"
            )


def _principal_problems(key: str, value: Value) -> Iterator[str]:
    wanted = f"it must be {{id: OBJECT_ID, type: {'|'.join(_PRINCIPAL_TYPES)}}}"
    if not isinstance(value, list):
        yield f"{key} is not a list; an entry: {wanted}"
        return
    for entry in value:
        right = (
            isinstance(entry, dict)
            and entry.keys() == {"id", "type"}
            and is_object_id(str(entry["id"]))
            and entry["type"] in _PRINCIPAL_TYPES
        )
        if not right:
            yield f"{key} has {entry!r}; {wanted}"


def _setting_problems(file: TenantFile) -> Iterator[str]:
    given = file.environment()
    for name in _SECRETS:
        given.pop(name, None)
    # Whether there is a group at all is checked before.
    given.setdefault("ENFORCER_GROUP_IDS", _NO_GROUP_YET)
    keys = {setting_of(key): key for key in file.values}
    try:
        load_settings(_SOMEWHERE | given)
    except SettingsError as error:
        for problem in error.problems:
            name, _, rest = problem.partition(" ")
            yield f"{keys.get(name, name)} {rest}"
    if not file.get("tenantId"):
        yield f"tenantId is {file.get('tenantId')!r}; it must be {_lower(object_id.__doc__)}"


def _lower(text: str | None) -> str:
    found = (text or "").rstrip(".")
    return found[:1].lower() + found[1:]
