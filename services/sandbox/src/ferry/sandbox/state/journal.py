"""State on disk: each change is appended to a file before it is answered, and read at the next start."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from ferry.sandbox.fixtures import AuthClient
from ferry.sandbox.otosense.sensors import Sensor as OtoSenseSensor
from ferry.sandbox.otosense.sensors import Sensors
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor, Status
from ferry.sandbox.thingplus.fleet.store import Store

FILE = "journal.jsonl"
DERIVED = frozenset({"devices", "sensors", "status", "series"})


class Journal:
    """Survives `kill -9`; what the machine itself had not yet written is lost with the machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._file = -1

    def restore(self, store: Store, accounts: Accounts, sensors: Sensors) -> None:
        """Call before anything is noted. Raises ValueError for a file that is no journal."""
        whole = 0
        content = self._path.read_bytes() if self._path.exists() else b""
        for line in content.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            kind, change = msgspec.json.decode(line)
            _apply(kind, change, store, accounts, sensors)
            whole += len(line)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)

    def note(self, kind: str, change: dict[str, Any]) -> None:
        if kind == "reset":
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            return
        flat = {name: _flat(value) for name, value in change.items()}
        os.write(self._file, msgspec.json.encode((kind, flat)) + b"\n")

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _flat(value: Any) -> Any:
    if isinstance(value, (Gateway, Device, Sensor)):
        return {each.name: getattr(value, each.name) for each in fields(value) if each.name not in DERIVED}
    return value


def _apply(kind: str, change: dict[str, Any], store: Store, accounts: Accounts, sensors: Sensors) -> None:
    if kind == "gateway":
        store.add_gateway(Gateway(**change["gateway"]))
    elif kind == "device":
        store.add_device(store.gateways[change["device"]["owner"]], Device(**change["device"]))
    elif kind == "sensor":
        store.add_sensor(store.gateways[change["sensor"]["owner"]], Sensor(**change["sensor"]))
    elif kind == "status":
        gateway = store.gateways[change["gateway"]]
        sensor = gateway.sensors[change["sensor"]] if change["sensor"] else None
        store.set_status(gateway, sensor, Status(**change["status"]))
    elif kind == "points":
        sensor = store.gateways[change["gateway"]].sensors[change["sensor"]]
        store.add_points(sensor, change["points"], change["at"], change["id"])
    elif kind == "client":
        accounts.add_client(change["tenant"], msgspec.convert(change["client"], AuthClient))
    elif kind == "otosense":
        sensors.add(OtoSenseSensor(**change["sensor"]))
    else:
        raise ValueError(f"the journal holds a change of kind {kind!r}")
