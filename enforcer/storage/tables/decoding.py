"""Every value that comes from a table is made safe here, before the SDK reads it.

Whoever writes to Table Storage may leave there what no reader can take: half a surrogate pair, or a text
whose property claims to be an Edm.DateTime. The SDK would raise in the middle of a page, and one value would
stop everybody. Such a value becomes a text that shows what it was and that nothing takes for a date.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import ContentDecodePolicy, SansIOHTTPPolicy

# What each type is turned into is the SDK's business; only it can say what it would choke on.
from azure.data.tables._deserialize import _ENTITY_TO_PYTHON_CONVERSIONS

_CONVERSIONS: dict[str, Any] = {
    kind.value: convert for kind, convert in _ENTITY_TO_PYTHON_CONVERSIONS.items()
}
_TYPE = "@odata.type"
_HALVES = re.compile("[\ud800-\udfff]")
# As storage writes them: a half may stand there in escapes or, invalid in UTF-8, not at all.
_SUSPICIOUS = re.compile(rb"\\u[dD][89a-fA-F]|@odata\.type")
_AS_THEY_ARE = frozenset({"Edm.String", "Edm.Int32", "Edm.Boolean"})


class SafeValues(SansIOHTTPPolicy[Any, Any]):
    """Makes the entities of an answer safe, once it is JSON and before it becomes entities."""

    def on_response(
        self,
        request: PipelineRequest[Any],  # noqa: ARG002
        response: PipelineResponse[Any, Any],
    ) -> None:
        answer = response.context.get(ContentDecodePolicy.CONTEXT_NAME)
        if not isinstance(answer, dict) or _SUSPICIOUS.search(response.http_response.content) is None:
            return
        found = answer.get("value")
        if isinstance(found, list):
            answer["value"] = [safe(entity) for entity in found]
        else:
            response.context[ContentDecodePolicy.CONTEXT_NAME] = safe(answer)


def safe(entity: dict[str, Any]) -> dict[str, Any]:
    """Return an entity, as it travels in JSON, with nothing in it that cannot be read or written on."""
    types = {name.removesuffix(_TYPE): kind for name, kind in entity.items() if name.endswith(_TYPE)}
    made_safe: dict[str, Any] = {}
    for name, value in entity.items():
        if name.endswith(_TYPE):
            continue
        kind = types.get(name)
        if kind is None or kind in _AS_THEY_ARE:
            made_safe[escaped(name)] = escaped(value) if isinstance(value, str) else value
        elif isinstance(value, str | int | float) and _is(kind, value):
            made_safe[name + _TYPE], made_safe[name] = kind, value
        elif value is not None:
            made_safe[escaped(name)] = escaped(f"{kind} {value!r}")
    return made_safe


def escaped(text: str) -> str:
    r"""Show halves of surrogate pairs as `\ud83d`; no key of Table Storage can hold a backslash."""
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


@lru_cache(maxsize=4096)  # the same days come again and again
def _is(kind: str, value: str | float) -> bool:
    """Whether the SDK can read the value as what its property says it is."""
    convert = _CONVERSIONS.get(kind)
    try:
        return convert is not None and convert(value) is not None
    except (ValueError, TypeError, AttributeError, OverflowError):
        return False
