"""One span per call to Graph or storage, with method, route and status; no URL, which may contain an address.

The libraries' own traces differ and contain whole URLs (kiota's UrlReplaceHandler, azure-core's
DistributedTracingPolicy, the httpx instrumentation). So the distribution's instrumentations are disabled
(`OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`, set by infra/modules/app.bicep), and spans that kiota starts inside
a call are not recorded.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from enforcer.core.keys import is_object_id

_tracer = trace.get_tracer("enforcer")
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Call:
    """A call in progress."""

    _span: Span

    def answered(self, status: int, *, request_id: str = "") -> None:
        """Record the answer.

        Args:
            status: The HTTP status.
            request_id: The service's ID of the request, by which Microsoft support finds it.
        """
        self._span.set_attribute("http.response.status_code", status)
        if request_id:
            self._span.set_attribute("request_id", request_id)
        if status >= _FIRST_ERROR:
            self._span.set_status(Status(StatusCode.ERROR))


@contextmanager
def call(service: str, method: str, route: str, **object_ids: str) -> Iterator[Call]:
    """Trace one call.

    Args:
        service: `graph`, `tables`, `queues` or `blobs`.
        method: The HTTP method.
        route: The path with placeholders, such as `/groups/{group}/members/{user}/$ref`.
        object_ids: The placeholders' values; object IDs only.
    """
    attributes = {
        "http.request.method": method,
        # The exporter names a dependency after this URL's path and ignores url.template.
        "url.full": f"https://{service}{route}",
        "peer.service": service,
        **object_ids,
    }
    with _tracer.start_as_current_span(
        f"{method} {route}",
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,  # the texts of exceptions quote names and addresses
        set_status_on_exception=False,
    ) as span:
        try:
            with _unrecorded(span):
                yield Call(span)
        except BaseException as error:  # a cancelled call has failed, too
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
            raise


def graph_call(method: str, path: str, parameters: Mapping[str, str]) -> AbstractContextManager[Call]:
    """Trace one call to Graph.

    Args:
        method: The HTTP method.
        path: A URI template below the version, or a nextLink.
        parameters: The template's parameters; only object IDs are recorded.
    """
    route = "/next-page" if "://" in path else path.partition("?")[0]
    ids = {name: value for name, value in parameters.items() if is_object_id(value)}
    return call("graph", method, route, **ids)


@contextmanager
def _unrecorded(span: Span) -> Iterator[None]:
    """Suppress spans started inside; log records still carry the IDs of the given span."""
    here = span.get_span_context()
    silent = SpanContext(here.trace_id, here.span_id, is_remote=False, trace_flags=TraceFlags(0))
    token = attach(trace.set_span_in_context(NonRecordingSpan(silent)))
    try:
        yield
    finally:
        detach(token)
