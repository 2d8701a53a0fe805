"""Provisioned sensors, and when each of them is first heard."""

import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ferry.sandbox.clock import Clock, iso
from ferry.sandbox.fixtures import ConnectRule, Plan
from ferry.sandbox.otosense.certificates import CertificateError, leaf_of
from ferry.sandbox.state.note import Note, nothing_noted
from ferry.sandbox.web.refusal import RefusalError

DELAYS_S: dict[Plan, float | None] = {
    "at_once": 2.0,
    "late": 75.0,
    "after_sleep": 20 * 60 + 90.0,
    "never": None,
}


@dataclass(slots=True)
class Sensor:
    sensor_id: str
    tenant: str
    fingerprint: str
    provisioned_s: float
    provisioned_by: str
    connects_at_s: float | None


class Sensors:
    def __init__(self, rules: list[ConnectRule], clock: Clock) -> None:
        self.claimed: dict[str, Sensor] = {}
        self._rules = rules
        self._plans: dict[str, float | None] = {}
        self._clock = clock
        self.note: Note = nothing_noted

    def clear(self) -> None:
        self.claimed.clear()
        self._plans.clear()

    def provision(self, tenant: str, client_id: str, pem: str) -> dict[str, Any]:
        """The same certificate again answers the same; someone else's is 409. Raises RefusalError."""
        now = self._clock.now_s()
        try:
            sensor_id, leaf = leaf_of(pem, now)
        except CertificateError as problem:
            raise RefusalError(400, {"message": str(problem)}) from None
        fingerprint = hashlib.sha256(leaf).hexdigest()
        present = self.claimed.get(sensor_id)
        if present is not None:
            if present.tenant != tenant:
                raise RefusalError(409, {"message": f"sensor {sensor_id} is provisioned by another tenant"})
            if present.fingerprint != fingerprint:
                raise RefusalError(
                    409, {"message": f"sensor {sensor_id} is provisioned with another certificate"}
                )
            return self._claimed(present)
        delay_s = self._delay_s(sensor_id)
        connects_at_s = None if delay_s is None else now + delay_s
        sensor = Sensor(sensor_id, tenant, fingerprint, now, client_id, connects_at_s)
        self.add(sensor)
        return self._claimed(sensor)

    def add(self, sensor: Sensor) -> None:
        self.claimed[sensor.sensor_id] = sensor
        self.note("otosense", {"sensor": sensor})

    def get(self, tenant: str, sensor_id: str) -> dict[str, Any]:
        """Without `lastConnected` until the first contact. Raises RefusalError 404."""
        found = self.claimed.get(sensor_id)
        if found is None or found.tenant != tenant:
            raise RefusalError(404, {"message": f"sensor {sensor_id} is not provisioned"})
        shown = self._claimed(found)
        if found.connects_at_s is not None and found.connects_at_s <= self._clock.now_s():
            shown["lastConnected"] = iso(found.connects_at_s)
        return shown

    def connect(self, sensor_id: str, delay_s: float | None) -> None:
        """Sets when a sensor is heard: `delay_s` from now (from its provisioning if that comes later)."""
        found = self.claimed.get(sensor_id)
        if found is None:
            self._plans[sensor_id] = delay_s
            return
        found.connects_at_s = None if delay_s is None else self._clock.now_s() + delay_s
        self.add(found)

    def _delay_s(self, sensor_id: str) -> float | None:
        if sensor_id in self._plans:
            return self._plans[sensor_id]
        for rule in self._rules:
            if fnmatchcase(sensor_id, rule.match):
                return DELAYS_S[rule.plan]
        return DELAYS_S["at_once"]

    def _claimed(self, sensor: Sensor) -> dict[str, Any]:
        return {
            "sensorId": sensor.sensor_id,
            "provisioned": iso(sensor.provisioned_s),
            "provisionedBy": sensor.provisioned_by,
        }
