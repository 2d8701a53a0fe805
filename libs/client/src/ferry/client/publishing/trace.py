"""Passes on the caller's trace as W3C Trace Context if OpenTelemetry is installed."""

from ferry.client.publishing.ports import NO_HEADERS, Headers

try:
    from opentelemetry import propagate
except ImportError:

    def trace_headers() -> Headers:
        return NO_HEADERS
else:

    def trace_headers() -> Headers:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers
