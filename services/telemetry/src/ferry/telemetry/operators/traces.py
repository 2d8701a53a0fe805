"""Spans of a publication, its requests, its dead letter and its replay, each in its publisher's trace.

A publisher's `tracestate` and baggage are ignored: they are unbounded and not passed on.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ferry.contract.dead import TRACEPARENT
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.in_flight import DeadLetterStream

MOST_TRACES = 32
"""Publishers' traces that one request has a span in; their readings were sent in one array."""

SAMPLED = frozenset("13579bdf")
"""How the flags of a sampled trace end, in hex; what does not is not read further."""

UNTRACED = nullcontext()
_W3C = TraceContextTextMapPropagator()


class Traces:
    def __init__(self, tracer: Tracer, ratio: float) -> None:
        """`tracer` samples every trace that it begins: how often that is, `ratio` says, without the price of a span."""
        self._tracer = tracer
        self._ratio = ratio

    def sending(self, deliveries: Iterable[Delivery]) -> AbstractContextManager[None]:
        """A span around the requests for them. Sent together they share the first sampled trace's span.

        Each other trace has a span of its own, linked to the shared one. Readings of nobody's trace begin one now and
        then. Where nothing is sampled no span is current, and the requests have none either.
        """
        together = list(deliveries)
        published = _sampled(together)
        if published is None or not (published or random.random() < self._ratio):  # noqa: S311 - no secret
            return UNTRACED
        return self._span(together, published)

    @contextmanager
    def _span(self, together: list[Delivery], published: list[SpanContext]) -> Iterator[None]:
        first, others = (published[0] if published else None), published[1:]
        name = f"process {together[0].subject.rpartition('.')[2]}"
        with self._tracer.start_as_current_span(
            name, _within(first), kind=SpanKind.CONSUMER, links=[Link(other) for other in others]
        ) as span:
            span.set_attributes({"messaging.system": "nats", "messaging.batch.message_count": len(together)})
            shared = [Link(span.get_span_context())]
            also = [
                self._tracer.start_span(name, _within(other), kind=SpanKind.CONSUMER, links=shared)
                for other in others[:MOST_TRACES]
            ]
            try:
                yield
            finally:
                for one in also:
                    one.end()

    @contextmanager
    def replaying(self, traceparent: str) -> Iterator[str]:
        """A span in the dead letter's trace, linked to the request. Gives what is published with it."""
        asked = trace.get_current_span().get_span_context()
        context = _within(found) if (found := _context_of({TRACEPARENT: traceparent})) else None
        with self._tracer.start_as_current_span(
            "replay dead letter", context=context, kind=SpanKind.PRODUCER, links=[Link(asked)]
        ) as span:
            yield _text(span.get_span_context())


class TracedDeadLetters:
    def __init__(self, stream: DeadLetterStream, tracer: Tracer) -> None:
        self._stream = stream
        self._tracer = tracer

    async def store(self, delivery: Delivery, cause: Cause) -> bool:
        context = _within(_context_of(delivery.headers))
        with self._tracer.start_as_current_span(
            "publish dead letter", context=context, kind=SpanKind.PRODUCER
        ) as span:
            span.set_attributes({"messaging.system": "nats", "ferry.dead_letter.reason": cause.reason.value})
            stored = await self._stream.store(delivery, cause)
            if not stored:
                span.set_status(Status(StatusCode.ERROR))
            return stored


def sampled_traceparent() -> str | None:
    """What a request carries of the current span; None where it is not sampled."""
    context = trace.get_current_span().get_span_context()
    return _text(context) if context.is_valid and context.trace_flags.sampled else None


def _sampled(deliveries: list[Delivery]) -> list[SpanContext] | None:
    """The distinct sampled traces that they were published in; None where all that there are, are not sampled."""
    given = [one.headers[TRACEPARENT] for one in deliveries if one.headers and TRACEPARENT in one.headers]
    if not given:
        return []
    found = {}
    for text in given:
        if str(text)[-1:] in SAMPLED and (context := _context_of({TRACEPARENT: text})):
            found[context.trace_id, context.span_id] = context
    return list(found.values()) or None


def _context_of(headers: Mapping[str, object] | None) -> SpanContext | None:
    """None where the header is missing or not W3C's: a publisher may write anything."""
    given = headers.get(TRACEPARENT) if headers else None
    if not isinstance(given, str):
        return None
    context = trace.get_current_span(_W3C.extract({TRACEPARENT: given}, Context())).get_span_context()
    return context if context.is_valid else None


def _within(parent: SpanContext | None) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context()) if parent else Context()


def _text(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
