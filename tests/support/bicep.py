"""Reads as much Bicep as the tests need: what a file declares, uses and passes to modules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
MAIN = INFRA / "main.bicep"
IDENTITY = INFRA / "identity.bicep"
TEMPLATES = tuple(sorted(INFRA.rglob("*.bicep")))
PARAMETER_FILES = tuple(sorted(INFRA.rglob("*.bicepparam")))

_STRING = re.compile(r"'(?:[^'\\]|\\.)*'")
_COMMENT = re.compile(r"(?m)^\s*//.*$|(?<=\s)//.*$")
_PARAMETER = re.compile(r"(?m)((?:^@.*\n)*)^param (\w+) ([^\s=]+)(?: = (.+))?$")
_DECLARATION = re.compile(r"(?m)^(?:param|var|resource|module|type|func) (\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    type: str
    default: str | None
    decorators: str

    @property
    def required(self) -> bool:
        return self.default is None and not self.type.endswith("?")

    @property
    def description(self) -> str:
        found = re.search(r"@description\('((?:[^'\\]|\\.)*)'\)", self.decorators)
        return found[1].replace("\\'", "'") if found else ""

    @property
    def allowed(self) -> set[str]:
        found = re.search(r"@allowed\(\[(.*?)\]\)", self.decorators)
        return set(re.findall(r"'([^']*)'", found[1])) if found else set()

    def bound(self, decorator: str) -> int | None:
        found = re.search(rf"@{decorator}\((\d+)\)", self.decorators)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    symbol: str
    file: Path
    given: set[str]


@cache
def text_of(path: Path) -> str:
    return path.read_text()


def parameters(path: Path) -> dict[str, Parameter]:
    return {
        name: Parameter(name=name, type=kind, default=default or None, decorators=decorators)
        for decorators, name, kind, default in _PARAMETER.findall(text_of(path))
    }


def modules(path: Path) -> Iterator[Module]:
    for found in re.finditer(r"(?ms)^module (\w+) '([^']+)'.*?^}$", text_of(path)):
        block = re.search(r"(?ms)^  params: \{\n(.*?)^  \}", found[0])
        given = re.findall(r"(?m)^    (\w+):", block[1]) if block else []
        yield Module(symbol=found[1], file=path.parent / found[2], given=set(given))


def declared(path: Path) -> set[str]:
    text = text_of(path)
    imported = re.findall(r"(?m)^import \{([^}]*)\}", text)
    return set(_DECLARATION.findall(text)) | {name.strip() for names in imported for name in names.split(",")}


def code(path: Path) -> str:
    """The text without comments and strings, except for what is interpolated into them."""
    text = _STRING.sub(_interpolated, _COMMENT.sub("", text_of(path)))
    return re.sub(r"\bin (\w+):", r"in \1;", text)  # not a property's key


def _interpolated(string: re.Match[str]) -> str:
    return " ".join(re.findall(r"\$\{([^}]*)\}", string[0])) or "''"


def used(path: Path) -> set[str]:
    """Names used as values: no property names, keys, functions or declarations."""
    text = re.sub(
        r"(?m)^(?:param|var|resource|module|type|func|output|import|targetScope)\b.*?(=|$)", r"\1", code(path)
    )
    text = re.sub(r"(?m)^metadata .*$|^extension .*$|^using .*$", "", text)
    return set(re.findall(r"(?<![.\w@])(?<!\.\?)([a-zA-Z_]\w*)\b(?![:(\w])", text))


def local_names(path: Path) -> set[str]:
    """Loop variables and lambda parameters."""
    text = code(path)
    loops = re.findall(r"for (?:\((\w+), (\w+)\)|(\w+)) in", text)
    return {name for loop in loops for name in loop if name} | set(re.findall(r"(\w+) =>", text))


def array(path: Path, variable: str) -> list[str]:
    """The strings of an array variable."""
    found = re.search(rf"(?ms)^var {variable} = \[\n(.*?)^\]", text_of(path))
    assert found, f"{path.name} has no array {variable}"
    return re.findall(r"(?m)^  '([^']*)'$", found[1])
