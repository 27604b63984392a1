"""What the host reads besides the code: `host.json`, app settings, and the bindings found by the worker."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from sandbox.host.errors import HostError

_SETTING: Final = re.compile(r"%([^%]+)%")
_TIME_SPAN: Final = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})")
_LARGEST_BATCH: Final = 32


class QueueOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`extensions.queues`, with the extension's defaults."""

    batch_size: int = 16
    new_batch_threshold: int | None = None
    visibility_timeout: str = "00:00:00"
    max_dequeue_count: int = 5
    message_encoding: str = "base64"

    @property
    def threshold(self) -> int:
        """The number of running messages down to which the next batch is fetched."""
        return self.batch_size // 2 if self.new_batch_threshold is None else self.new_batch_threshold

    @property
    def retry_after(self) -> timedelta:
        """How long a message whose function failed stays invisible."""
        return parse_time_span(self.visibility_timeout)

    @property
    def base64(self) -> bool:
        return self.message_encoding.lower() == "base64"


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    route_prefix: str = "api"


class Extensions(msgspec.Struct, frozen=True, kw_only=True):
    queues: QueueOptions = QueueOptions()
    http: HttpOptions = HttpOptions()


class HostJson(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    extensions: Extensions = Extensions()


class Binding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A binding of a function, as its decorator declares it."""

    name: str
    type: str
    route: str | None = None
    methods: tuple[str, ...] = ()
    schedule: str | None = None
    queue_name: str | None = None
    connection: str | None = None


class Function(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    id: str
    trigger: Binding
    outputs: tuple[Binding, ...]


def read_host_json(app: Path) -> HostJson:
    try:
        host = msgspec.json.decode((app / "host.json").read_bytes(), type=HostJson)
    except (OSError, msgspec.MsgspecError) as error:
        raise HostError(f"host.json of {app}: {error}") from error
    queues = host.extensions.queues
    if not 1 <= queues.batch_size <= _LARGEST_BATCH:
        raise HostError(f"host.json: queues.batchSize is 1 to {_LARGEST_BATCH}, not {queues.batch_size}")
    if queues.max_dequeue_count < 1:
        raise HostError("host.json: queues.maxDequeueCount is at least 1")
    if queues.message_encoding.lower() not in {"base64", "none"}:
        raise HostError("host.json: queues.messageEncoding is base64 or none")
    parse_time_span(queues.visibility_timeout)
    return host


def read_settings(file: Path) -> Mapping[str, str]:
    """App settings from a JSON object, or from the `Values` of a `local.settings.json`."""
    try:
        content = msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
        return msgspec.json.decode(content.get("Values", file.read_bytes()), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise HostError(f"settings in {file}: {error}") from error


def resolved(function: Function, text: str) -> str:
    """Replace every `%NAME%` by that app setting, which is the host's task, not the worker's.

    Raises:
        HostError: no such setting. Azure would skip this function, and say so only in its log.
    """

    def setting(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise HostError(f"The {function.name!r} function is in error: {match[0]} is not an app setting")
        return os.environ[match[1]]

    return _SETTING.sub(setting, text)


def parse_time_span(text: str) -> timedelta:
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise HostError(f"host.json: {text!r} is not a time span such as 00:00:30")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
