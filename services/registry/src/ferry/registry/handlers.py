"""Requests to the registry: decode, call, reply."""

from ferry.contract import registry, subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    Gateway,
    GatewayId,
    GatewayModel,
    ImportRequest,
    ListRequest,
    ModelRequest,
    OwnedId,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    SiteList,
    SitesRequest,
    State,
)
from ferry.registry.bucket import Bucket
from ferry.registry.fleet import Fleet
from ferry.registry.lists import Lists
from ferry.registry.takeover import Takeover
from ferry.registry.whole import Whole
from ferry.runtime.service import Service


class Handlers:
    def __init__(
        self,
        fleet: Fleet,
        whole: Whole,
        takeover: Takeover,
        lists: Lists,
        devices: Bucket[Device],
        sensors: Bucket[Sensor],
    ) -> None:
        self._fleet = fleet
        self._whole = whole
        self._takeover = takeover
        self._lists = lists
        self._devices = devices
        self._sensors = sensors

    async def list_sites(self, _: SitesRequest) -> SiteList:
        return SiteList(items=await self._fleet.sites())

    async def get_model(self, asked: ModelRequest) -> GatewayModel:
        return await self._fleet.model(asked.model)

    async def get_gateway(self, asked: GatewayId) -> Gateway:
        return await self._fleet.gateway(asked.id)

    async def get_device(self, asked: OwnedId) -> Device:
        record, _ = await self._devices.get(registry.device_key(asked.owner, asked.id))
        if record is None or record.state != State.REGISTERED:
            raise _unknown("device", asked)
        return record.entity

    async def get_sensor(self, asked: OwnedId) -> Sensor:
        record, _ = await self._sensors.get(registry.sensor_key(asked.owner, asked.id))
        if record is None or record.state != State.REGISTERED:
            raise _unknown("sensor", asked)
        return record.entity

    async def list_gateways(self, asked: ListRequest) -> bytes:
        return await self._lists.page("gateways", None, asked.after, asked.limit)

    async def list_devices(self, asked: ListRequest) -> bytes:
        return await self._lists.page("devices", asked.owner, asked.after, asked.limit)

    async def list_sensors(self, asked: ListRequest) -> bytes:
        return await self._lists.page("sensors", asked.owner, asked.after, asked.limit)

    def serve(self, service: Service) -> None:
        service.serve(subjects.REGISTRY_SITES_LIST, SitesRequest, self.list_sites)
        service.serve(subjects.REGISTRY_MODELS_GET, ModelRequest, self.get_model)
        service.serve(subjects.REGISTRY_GATEWAYS_REGISTER, RegisterGateway, self._whole.register)
        service.serve(subjects.REGISTRY_GATEWAYS_GET, GatewayId, self.get_gateway)
        service.serve(subjects.REGISTRY_GATEWAYS_LIST, ListRequest, self.list_gateways)
        service.serve(subjects.REGISTRY_DEVICES_REGISTER, RegisterDevice, self._fleet.register_device)
        service.serve(subjects.REGISTRY_DEVICES_GET, OwnedId, self.get_device)
        service.serve(subjects.REGISTRY_DEVICES_LIST, ListRequest, self.list_devices)
        service.serve(subjects.REGISTRY_SENSORS_REGISTER, RegisterSensor, self._fleet.register_sensor)
        service.serve(subjects.REGISTRY_SENSORS_GET, OwnedId, self.get_sensor)
        service.serve(subjects.REGISTRY_SENSORS_LIST, ListRequest, self.list_sensors)
        service.serve(subjects.REGISTRY_CLOUD_IMPORT, ImportRequest, self._takeover.page)


def _unknown(noun: str, asked: OwnedId) -> ProblemError:
    return ProblemError.of(
        f"unknown-{noun}", 404, f"gateway {asked.owner} has no {noun} {asked.id}", field="id"
    )
