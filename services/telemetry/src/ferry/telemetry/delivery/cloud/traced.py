"""Spans from a publisher's trace to the cloud, where spans go somewhere; without a collector nothing is paid."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, Tracer

from ferry.telemetry.delivery.ports import Answer, Cloud
from ferry.telemetry.lanes.queued import QueuedPoint

BAD_REQUEST = 400


class Traces:
    """A span for what is sent together: in the trace of the one publication, or linked to those of several."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def carrying(self, points: list[QueuedPoint]) -> Iterator[None]:
        contexts = [_of(delivery.headers) for point in points for delivery in point.deliveries]
        published = {(context.trace_id, context.span_id): context for context in contexts if context.is_valid}
        parent, links = None, [Link(context) for context in published.values()]
        if len(published) == 1:
            parent, links = trace.set_span_in_context(trace.NonRecordingSpan(*published.values())), []
        with self._tracer.start_as_current_span(
            "process series", context=parent, kind=SpanKind.CONSUMER, links=links
        ) as span:
            span.set_attributes({"messaging.system": "nats", "messaging.batch.message_count": len(points)})
            yield


def _of(headers: dict[str, str] | None) -> SpanContext:
    return trace.get_current_span(propagate.extract(headers or {}, Context())).get_span_context()


class TracedCloud:
    """HTTP client spans by OpenTelemetry's conventions; the path has ids, which are no secrets."""

    def __init__(self, cloud: Cloud, tracer: Tracer) -> None:
        self._cloud = cloud
        self._tracer = tracer

    async def put(self, path: str, body: bytes, bearer: str) -> Answer:
        with self._tracer.start_as_current_span("PUT", kind=SpanKind.CLIENT) as span:
            span.set_attributes(
                {"http.request.method": "PUT", "url.path": path, "http.request.body.size": len(body)}
            )
            answer = await self._cloud.put(path, body, bearer)
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= BAD_REQUEST:
                span.set_status(Status(StatusCode.ERROR))
            return answer

    async def get(self, path: str, query: dict[str, str], bearer: str) -> Answer:
        with self._tracer.start_as_current_span("GET", kind=SpanKind.CLIENT) as span:
            span.set_attributes({"http.request.method": "GET", "url.path": path})
            answer = await self._cloud.get(path, query, bearer)
            span.set_attribute("http.response.status_code", answer.status)
            return answer
