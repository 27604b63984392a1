"""The messages between the Functions host and its Python worker, as plain classes.

The worker library takes every message class from a namespace that its host provides: this module. On Azure
they are protobuf classes of `FunctionRpc.proto`; only names, defaults and `WhichOneof` matter to the library.
Unknown fields and values of the wrong type are rejected, as in protobuf.
"""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import IntEnum
from typing import ClassVar, Literal

Text = builtins.str
Octets = builtins.bytes
Strings = Mapping[str, str]


def _require(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"bad argument type for {name}: {type(value).__name__} instead of {kind.__name__}")


@dataclass(kw_only=True)
class RpcException:
    message: str = ""
    stack_trace: str = ""
    source: str = ""


@dataclass(kw_only=True)
class StatusResult:
    Failure: ClassVar = 0
    Success: ClassVar = 1
    Cancelled: ClassVar = 2

    status: int = Failure
    result: str = ""
    exception: RpcException | None = None


@dataclass(kw_only=True)
class WorkerMetadata:
    runtime_name: str = ""
    runtime_version: str = ""
    worker_version: str = ""
    worker_bitness: str = ""
    custom_properties: Strings = field(default_factory=dict)


@dataclass(kw_only=True)
class WorkerInitRequest:
    host_version: str
    function_app_directory: str
    capabilities: Strings = field(default_factory=dict)


@dataclass(kw_only=True)
class WorkerInitResponse:
    result: StatusResult
    capabilities: Strings = field(default_factory=dict)
    worker_metadata: WorkerMetadata | None = None


@dataclass(kw_only=True)
class BindingInfo:
    undefined: ClassVar = 0
    out: ClassVar = 1
    inout: ClassVar = 2

    type: str = ""
    direction: int = 0
    data_type: int | None = 0


@dataclass(kw_only=True)
class RpcRetryOptions:
    retry_strategy: str = ""
    max_retry_count: int = 0
    delay_interval: timedelta | None = None
    minimum_interval: timedelta | None = None
    maximum_interval: timedelta | None = None


@dataclass(kw_only=True)
class RpcFunctionMetadata:
    name: str
    function_id: str
    raw_bindings: Sequence[str]
    bindings: Mapping[str, BindingInfo] = field(default_factory=dict)
    retry_options: RpcRetryOptions | None = None
    directory: str = ""
    script_file: str = ""
    entry_point: str = ""
    language: str = ""
    properties: Strings = field(default_factory=dict)
    is_proxy: bool = False
    managed_dependency_enabled: bool = False


@dataclass(kw_only=True)
class FunctionsMetadataRequest:
    function_app_directory: str


@dataclass(kw_only=True)
class FunctionMetadataResponse:
    result: StatusResult
    function_metadata_results: Sequence[RpcFunctionMetadata] | None = None
    use_default_metadata_indexing: bool = False


@dataclass(kw_only=True)
class FunctionLoadRequest:
    function_id: str
    metadata: RpcFunctionMetadata


@dataclass(kw_only=True)
class FunctionLoadResponse:
    result: StatusResult
    function_id: str


@dataclass(kw_only=True)
class NullableString:
    value: str


@dataclass(kw_only=True)
class NullableBool:
    value: bool


@dataclass(kw_only=True)
class NullableDouble:
    value: float


@dataclass(kw_only=True)
class Timestamp:
    seconds: int


@dataclass(kw_only=True)
class NullableTimestamp:
    value: Timestamp


SameSite = IntEnum("SameSite", [("None", 0), ("Lax", 1), ("Strict", 2), ("ExplicitNone", 3)])


@dataclass(kw_only=True)
class RpcHttpCookie:
    SameSite: ClassVar = SameSite

    name: str
    value: str
    domain: NullableString | None = None
    path: NullableString | None = None
    expires: NullableTimestamp | None = None
    secure: NullableBool | None = None
    http_only: NullableBool | None = None
    same_site: int = 0
    max_age: NullableDouble | None = None


@dataclass(kw_only=True)
class TypedData:
    """A value of one of these kinds; the field that is set says which."""

    string: Text | None = None
    json: Text | None = None
    bytes: Octets | None = None
    int: builtins.int | None = None
    double: float | None = None
    http: "RpcHttp | None" = None

    def __post_init__(self) -> None:
        for value, kind, name in (
            (self.string, Text, "string"),
            (self.json, Text, "json"),
            (self.bytes, Octets, "bytes"),
            (self.int, builtins.int, "int"),
        ):
            if value is not None:
                _require(value, kind, f"TypedData.{name}")

    def WhichOneof(self, group: Literal["data"]) -> Text | None:  # noqa: ARG002, N802 - protobuf's
        return next((kind.name for kind in fields(self) if getattr(self, kind.name) is not None), None)


@dataclass(kw_only=True)
class RpcHttp:
    method: str = ""
    url: str = ""
    headers: Strings = field(default_factory=dict)
    params: Strings = field(default_factory=dict)
    query: Strings = field(default_factory=dict)
    body: TypedData | None = None
    status_code: str = ""
    cookies: Sequence[RpcHttpCookie] | None = None
    enable_content_negotiation: bool = False

    def __post_init__(self) -> None:
        _require(self.status_code, str, "RpcHttp.status_code")
        for name, value in self.headers.items():
            _require(name, str, "RpcHttp.headers")
            _require(value, str, f"RpcHttp.headers[{name!r}]")


@dataclass(kw_only=True)
class ParameterBinding:
    name: str
    data: TypedData

    def WhichOneof(self, group: Literal["rpc_data"]) -> Text:  # noqa: ARG002, N802 - protobuf's
        return "data"


@dataclass(kw_only=True)
class RpcTraceContext:
    trace_parent: str = ""
    trace_state: str = ""
    attributes: Strings = field(default_factory=dict)


@dataclass(kw_only=True)
class RetryContext:
    retry_count: int = 0
    max_retry_count: int = 0
    exception: RpcException | None = None


@dataclass(kw_only=True)
class InvocationRequest:
    invocation_id: str
    function_id: str
    input_data: Sequence[ParameterBinding]
    trigger_metadata: Mapping[str, TypedData]
    trace_context: RpcTraceContext
    retry_context: RetryContext


@dataclass(kw_only=True)
class InvocationResponse:
    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: Sequence[ParameterBinding] = ()
