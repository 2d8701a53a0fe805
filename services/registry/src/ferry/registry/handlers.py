"""Requests to the registry: decode, call, reply."""

from ferry.contract import subjects
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
    ReservedIds,
    ReserveIds,
    Sensor,
    SiteList,
    SitesRequest,
    UpdateDevice,
    UpdateGateway,
    UpdateSensor,
    device_key,
    gateway_key,
    sensor_key,
)
from ferry.registry.bucket.lists import Lists
from ferry.registry.parts import Parts
from ferry.registry.problems import unknown
from ferry.runtime.service import Service


class Handlers:
    def __init__(self, parts: Parts, lists: Lists) -> None:
        self._parts = parts
        self._lists = lists

    async def list_sites(self, _: SitesRequest) -> SiteList:
        return SiteList(items=await self._parts.account.sites())

    async def get_model(self, asked: ModelRequest) -> GatewayModel:
        return await self._parts.account.model(asked.model)

    async def reserve_ids(self, asked: ReserveIds) -> ReservedIds:
        return ReservedIds(ids=await self._parts.ids.reserve(asked.places))

    async def get_gateway(self, asked: GatewayId) -> Gateway:
        found = await self._parts.gateway.registered(gateway_key(asked.id))
        if found is None:
            raise unknown("gateway", asked.id)
        return found

    async def get_device(self, asked: OwnedId) -> Device:
        found = await self._parts.device.registered(device_key(asked.owner, asked.id))
        if found is None:
            raise unknown("device", asked.id, asked.owner)
        return found

    async def get_sensor(self, asked: OwnedId) -> Sensor:
        found = await self._parts.sensor.registered(sensor_key(asked.owner, asked.id))
        if found is None:
            raise unknown("sensor", asked.id, asked.owner)
        return found

    async def list_gateways(self, asked: ListRequest) -> bytes:
        return await self._lists.page("gateways", None, asked.after, asked.limit)

    async def list_devices(self, asked: ListRequest) -> bytes:
        return await self._lists.page("devices", asked.owner, asked.after, asked.limit)

    async def list_sensors(self, asked: ListRequest) -> bytes:
        return await self._lists.page("sensors", asked.owner, asked.after, asked.limit)

    def serve(self, service: Service) -> None:
        parts = self._parts
        service.serve(subjects.REGISTRY_SITES_LIST, SitesRequest, self.list_sites)
        service.serve(subjects.REGISTRY_MODELS_GET, ModelRequest, self.get_model)
        service.serve(subjects.REGISTRY_IDS_RESERVE, ReserveIds, self.reserve_ids)
        service.serve(subjects.REGISTRY_GATEWAYS_REGISTER, RegisterGateway, parts.registration.gateway)
        service.serve(subjects.REGISTRY_GATEWAYS_UPDATE, UpdateGateway, parts.update.gateway)
        service.serve(subjects.REGISTRY_GATEWAYS_RETIRE, GatewayId, parts.retire.gateway)
        service.serve(subjects.REGISTRY_GATEWAYS_GET, GatewayId, self.get_gateway)
        service.serve(subjects.REGISTRY_GATEWAYS_LIST, ListRequest, self.list_gateways)
        service.serve(subjects.REGISTRY_DEVICES_REGISTER, RegisterDevice, parts.registration.device)
        service.serve(subjects.REGISTRY_DEVICES_UPDATE, UpdateDevice, parts.update.device)
        service.serve(subjects.REGISTRY_DEVICES_RETIRE, OwnedId, parts.retire.device)
        service.serve(subjects.REGISTRY_DEVICES_GET, OwnedId, self.get_device)
        service.serve(subjects.REGISTRY_DEVICES_LIST, ListRequest, self.list_devices)
        service.serve(subjects.REGISTRY_SENSORS_REGISTER, RegisterSensor, parts.registration.sensor)
        service.serve(subjects.REGISTRY_SENSORS_UPDATE, UpdateSensor, parts.update.sensor)
        service.serve(subjects.REGISTRY_SENSORS_RETIRE, OwnedId, parts.retire.sensor)
        service.serve(subjects.REGISTRY_SENSORS_GET, OwnedId, self.get_sensor)
        service.serve(subjects.REGISTRY_SENSORS_LIST, ListRequest, self.list_sensors)
        service.serve(subjects.REGISTRY_CLOUD_IMPORT, ImportRequest, parts.importing.step)
