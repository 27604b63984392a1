"""The app on `azure-functions-runtime`, the library in which Azure runs Python functions since 3.13."""

import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Final, Self

import azure_functions_runtime as runtime
import msgspec
from azure_functions_runtime import handle_event
from azure_functions_runtime.functions import Registry

from sandbox.host import protos
from sandbox.host.configuration import Binding, Function
from sandbox.host.errors import HostError

_HOST_VERSION: Final = "4.0.0-sandbox"
_SCRIPT: Final = "function_app"


class Worker:
    """A function app, indexed and ready to be called.

    One at a time per process, since the library keeps its functions in module globals.
    """

    _active: bool = False

    def __init__(self, app: Path, settings: Mapping[str, str]) -> None:
        self._app = app.resolve()
        self._settings = settings
        self._cleanup = ExitStack()
        self.functions: Mapping[str, Function] = {}

    async def __aenter__(self) -> Self:
        """Imports `function_app.py` and indexes it.

        Raises:
            HostError: in the worker library's words, with the stack.
        """
        if Worker._active:
            raise HostError("a process runs one function app at a time")
        with ExitStack() as undo:
            self._enter_process(undo)
            self.functions = await self._start()
            self._cleanup = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _enter_process(self, undo: ExitStack) -> None:
        undo.callback(setattr, Worker, "_active", False)
        Worker._active = True
        undo.enter_context(_without_module(_SCRIPT))
        handle_event._functions = Registry()  # noqa: SLF001 - the library never forgets an app
        environment = dict(os.environ)
        undo.callback(os.environ.update, environment)
        undo.callback(os.environ.clear)
        os.environ.update(self._settings)
        undo.callback(lambda: sys.path.remove(str(self._app)))
        sys.path.insert(0, str(self._app))
        undo.callback(runtime.stop_threadpool_executor)
        runtime.start_threadpool_executor()

    async def _start(self) -> Mapping[str, Function]:
        init = protos.WorkerInitRequest(host_version=_HOST_VERSION, function_app_directory=str(self._app))
        started: protos.WorkerInitResponse = await _call(
            runtime.worker_init_request, worker_init_request=init
        )
        _require_success(started.result, "the function app does not start")
        query = protos.FunctionsMetadataRequest(function_app_directory=str(self._app))
        found: protos.FunctionMetadataResponse = await _call(
            runtime.functions_metadata_request, functions_metadata_request=query
        )
        if not found.function_metadata_results:
            raise HostError(f"no functions in {self._app / 'function_app.py'}")
        for metadata in found.function_metadata_results:
            load = protos.FunctionLoadRequest(function_id=metadata.function_id, metadata=metadata)
            loaded: protos.FunctionLoadResponse = await _call(
                runtime.function_load_request, function_load_request=load
            )
            _require_success(loaded.result, f"function {metadata.name!r} cannot be loaded")
        return {metadata.name: _function(metadata) for metadata in found.function_metadata_results}

    async def invoke(
        self,
        function: Function,
        invocation_id: str,
        data: protos.TypedData,
        metadata: Mapping[str, protos.TypedData],
        trace_parent: str | None = None,
    ) -> protos.InvocationResponse:
        """Run a function on its trigger's value; a failure is reported in the response, not raised."""
        request = protos.InvocationRequest(
            invocation_id=invocation_id,
            function_id=function.id,
            input_data=[protos.ParameterBinding(name=function.trigger.name, data=data)],
            trigger_metadata=metadata,
            trace_context=protos.RpcTraceContext(trace_parent=trace_parent or _new_trace_parent()),
            retry_context=protos.RetryContext(),
        )
        response: protos.InvocationResponse = await _call(
            runtime.invocation_request, invocation_request=request
        )
        return response


@contextmanager
def _without_module(name: str) -> Iterator[None]:
    """Let the block import a module again; restore the previous one afterwards."""
    module = sys.modules.pop(name, None)
    try:
        yield
    finally:
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


async def _call(handler: Any, **message: object) -> Any:
    """Send a message in the envelope that the library expects."""
    return await handler(
        SimpleNamespace(
            request=SimpleNamespace(**message),
            properties={"host": "127.0.0.1", "protos": protos},
        )
    )


def _require_success(result: protos.StatusResult, what: str) -> None:
    if result.status != protos.StatusResult.Success:
        error = result.exception or protos.RpcException()
        raise HostError(f"{what}: {error.message}\n{error.stack_trace}")


def _function(metadata: protos.RpcFunctionMetadata) -> Function:
    bindings = [msgspec.json.decode(raw, type=Binding) for raw in metadata.raw_bindings]
    trigger = next(binding for binding in bindings if binding.type.endswith("Trigger"))
    outputs = tuple(binding for binding in bindings if binding.type == "queue")
    return Function(name=metadata.name, id=metadata.function_id, trigger=trigger, outputs=outputs)


def _new_trace_parent() -> str:
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
