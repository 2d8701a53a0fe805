"""Client spans of requests to the cloud, where spans go somewhere; without a collector nothing is paid."""

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, get_current_span

from ferry.telemetry.delivery.ports import Answer, Cloud

BAD_REQUEST = 400


class TracedCloud:
    """HTTP client spans by OpenTelemetry's conventions, within a sampled span; the path has ids, no secrets."""

    def __init__(self, cloud: Cloud, tracer: Tracer) -> None:
        self._cloud = cloud
        self._tracer = tracer

    async def put(self, path: str, body: bytes, bearer: str) -> Answer:
        if not get_current_span().is_recording():
            return await self._cloud.put(path, body, bearer)
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
        if not get_current_span().is_recording():
            return await self._cloud.get(path, query, bearer)
        with self._tracer.start_as_current_span("GET", kind=SpanKind.CLIENT) as span:
            span.set_attributes({"http.request.method": "GET", "url.path": path})
            answer = await self._cloud.get(path, query, bearer)
            span.set_attribute("http.response.status_code", answer.status)
            return answer
