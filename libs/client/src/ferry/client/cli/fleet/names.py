"""Full names of entities, from the gateway down, as `--target` accepts them."""

from ferry.client.fleet.planning import Planned
from ferry.client.fleet.registered import Entity, owner_of
from ferry.client.fleet.wanted import Wanted
from ferry.contract.registry import Sensor


class Names:
    def __init__(self, found: Planned) -> None:
        self._gateways = {one.id: one.name for one in found.there.gateways}
        self._devices = {(one.owner, one.id): one.name for one in found.there.devices}

    def of(self, one: Wanted | Entity) -> str:
        if isinstance(one, Wanted):
            return one.name if one.parent is None else f"{self.of(one.parent)}/{one.name}"
        above = []
        if owner := owner_of(one):
            above.append(self._gateways.get(owner, owner))
        if isinstance(one, Sensor):
            above.append(self.device_of(one))
        return "/".join([*above, one.name])

    def device_of(self, one: Entity) -> str:
        """The name of the device that a sensor is on."""
        device = one.device_id if isinstance(one, Sensor) else ""
        return self._devices.get((owner_of(one), device), device)
