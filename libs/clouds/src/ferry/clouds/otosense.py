"""OtoSense's sensors: claimed with a certificate, looked at until they connect (its guide, two chapters)."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from ferry.clouds.errors import BadAnswerError, RefusedError
from ferry.clouds.http import Answer, CloudHttp
from ferry.contract.ids import is_safe_id, safe_id

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class CloudSensor:
    """`last_connected` is None before the first contact; times are in the cloud's own writing."""

    sensor_id: str
    provisioned: str
    provisioned_by: str
    last_connected: str | None = None

    @property
    def connected(self) -> bool:
        """Heard since it was provisioned: an older contact was with whoever claimed it before."""
        if not self.last_connected:
            return False
        try:
            heard = datetime.fromisoformat(self.last_connected)
            return heard >= datetime.fromisoformat(self.provisioned)
        except (ValueError, TypeError):
            return True


class OtoSense:
    """Both methods raise CloudError's family; none of them repeats anything."""

    def __init__(self, http: CloudHttp) -> None:
        self._http = http

    async def provision(self, bearer: SecretStr, cert: str) -> CloudSensor:
        """POST /sensors."""
        return _sensor(await self._http.send("POST", "/sensors", bearer=bearer, json={"cert": cert}))

    async def get(self, bearer: SecretStr, sensor_id: str) -> CloudSensor | None:
        """GET /sensors/{sensorId}; None when the cloud knows none, or it is another tenant's."""
        try:
            answer = await self._http.send("GET", f"/sensors/{safe_id(sensor_id)}", bearer=bearer)
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return _sensor(answer)


def _sensor(answer: Answer) -> CloudSensor:
    found = answer.object()
    sensor_id = found.get("sensorId")
    if not isinstance(sensor_id, str) or not is_safe_id(sensor_id):
        raise BadAnswerError(answer.status, "no usable sensorId")
    heard = found.get("lastConnected")
    return CloudSensor(
        sensor_id,
        str(found.get("provisioned") or ""),
        str(found.get("provisionedBy") or ""),
        str(heard) if heard else None,
    )
