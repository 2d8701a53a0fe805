"""Traces and metrics with opentelemetry-sdk: always `/metrics`, and OTLP if an endpoint is set."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, ParentBasedTraceIdRatio
from opentelemetry.trace import Tracer

from ferry.runtime.settings import OtlpSettings

FLUSH_S = 3.0
"""The exporter stalls while its collector is down: a stop does not wait longer for it."""


@dataclass(frozen=True, slots=True)
class Observability:
    """`decided` samples every trace that is started with it, for callers that have already decided."""

    tracers: TracerProvider
    decided: TracerProvider
    meters: MeterProvider

    @property
    def tracer(self) -> Tracer:
        return self.tracers.get_tracer("ferry")

    @property
    def meter(self) -> Meter:
        return self.meters.get_meter("ferry")


@asynccontextmanager
async def observe(service: str, settings: OtlpSettings) -> AsyncIterator[Observability]:
    resource = Resource.create({"service.name": f"ferry-{service}"})
    tracers = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.sample_ratio))
    decided = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_ON))
    readers: list[MetricReader] = [PrometheusMetricReader(scope_info_enabled=False)]
    if settings.endpoint:
        readers.append(_export((tracers, decided), settings.endpoint.rstrip("/")))
    meters = MeterProvider(resource=resource, metric_readers=readers)
    try:
        yield Observability(tracers, decided, meters)
    finally:
        await _flush(tracers, meters)


def _export(tracers: tuple[TracerProvider, ...], base: str) -> MetricReader:
    """Sends spans and metrics to the collector at `base`. Its modules are loaded here: a tenth of a start's time."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    spans = BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces", timeout=FLUSH_S))
    for one in tracers:
        one.add_span_processor(spans)
    return PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics", timeout=FLUSH_S))


async def _flush(tracers: TracerProvider, meters: MeterProvider) -> None:
    both = asyncio.gather(
        asyncio.to_thread(tracers.shutdown),
        asyncio.to_thread(meters.shutdown, FLUSH_S * 1000),
        return_exceptions=True,
    )
    await asyncio.wait([both], timeout=FLUSH_S)
