"""OtoSense's sensors: claim one with a certificate, ask for its state (its guide, two chapters)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from ferry.clouds.answer import Answer, accepted
from ferry.clouds.errors import BadAnswerError
from ferry.clouds.http import CloudHttp
from ferry.clouds.words import clean
from ferry.contract.ids import is_safe_id, safe_id

NOT_FOUND = 404
LONGEST_TEXT = 100
"""Characters of a moment or a name, which are kept and shown."""


@dataclass(frozen=True, slots=True)
class CloudSensor:
    """`last_connected` is None before the first contact; times are in the cloud's own writing."""

    sensor_id: str
    provisioned: str
    provisioned_by: str
    last_connected: str | None = None

    @property
    def connected(self) -> bool:
        """Heard since it was provisioned: an older contact belongs to an earlier claim."""
        if not self.last_connected:
            return False
        try:
            heard = datetime.fromisoformat(self.last_connected)
            return heard >= datetime.fromisoformat(self.provisioned)
        except (ValueError, TypeError):
            return True


class ClaimedError(BadAnswerError):
    """The cloud has claimed the sensor (2xx), and showed no id that can be used: asking again changes nothing."""


class OtoSense:
    """Both methods raise CloudError's family; none of them repeats anything."""

    def __init__(self, http: CloudHttp) -> None:
        self._http = http

    async def provision(self, bearer: SecretStr, cert: str) -> CloudSensor:
        """POST /sensors. Raises ClaimedError besides."""
        answer = await self._http.send("POST", "/sensors", bearer=bearer, json={"cert": cert})
        if isinstance(answer.json, dict) and not _has_id(answer.json):
            shown = clean(repr(answer.json.get("sensorId")), LONGEST_TEXT)
            raise ClaimedError(answer.status, f"the sensorId {shown}, which cannot be used")
        return _sensor(answer)

    async def get(self, bearer: SecretStr, sensor_id: str) -> CloudSensor | None:
        """GET /sensors/{sensorId}; None when the cloud says that it has none, or it is another tenant's.

        Only a 404 in OtoSense's own words says so: a proxy's says nothing of the sensor.
        """
        answer = await self._http.exchange("GET", f"/sensors/{safe_id(sensor_id)}", bearer=bearer)
        if answer.status == NOT_FOUND:
            if isinstance(answer.json, dict) and isinstance(answer.json.get("message"), str):
                return None
            raise BadAnswerError(NOT_FOUND, "what is not OtoSense's")
        sensor = _sensor(accepted(answer, bearer=bearer))
        if sensor.sensor_id != sensor_id:
            raise BadAnswerError(answer.status, "another sensor than the one asked for")
        return sensor


def _sensor(answer: Answer) -> CloudSensor:
    found = answer.object()
    if not _has_id(found):
        raise BadAnswerError(answer.status, "no usable sensorId")
    heard = found.get("lastConnected")
    return CloudSensor(
        found["sensorId"],
        clean(str(found.get("provisioned") or ""), LONGEST_TEXT),
        clean(str(found.get("provisionedBy") or ""), LONGEST_TEXT),
        clean(str(heard), LONGEST_TEXT) if heard else None,
    )


def _has_id(found: dict[str, Any]) -> bool:
    sensor_id = found.get("sensorId")
    return isinstance(sensor_id, str) and is_safe_id(sensor_id)
