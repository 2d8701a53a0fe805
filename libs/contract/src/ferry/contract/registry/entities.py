"""The entities of the fleet, with the guide's names (chapters 5 to 7). Answers and events contain them."""

from ferry.contract.ids import EntityId
from ferry.contract.model import Message


class Gateway(Message):
    """`reportInterval`, `mtime` and `ctime` are in ms.

    `deletedBefore`, in Unix ms, is when an import did not find it at the cloud any more; registered again, it has none.
    `declaredName` is the name that was last asked for here, when the portal has changed it since.
    """

    id: EntityId
    name: str
    model: str
    site_id: str
    report_interval: int
    mtime: int = 0
    ctime: int = 0
    deleted_before: int | None = None
    declared_name: str | None = None


class Device(Message):
    id: EntityId
    owner: EntityId
    name: str
    model: str
    mtime: int = 0
    ctime: int = 0
    deleted_before: int | None = None
    declared_name: str | None = None


class Sensor(Message):
    """`declaredDeviceId` is to `deviceId` as `declaredName` is to `name`."""

    id: EntityId
    owner: EntityId
    device_id: EntityId
    name: str
    type: str
    driver_name: str
    model: str
    category: str
    mtime: int = 0
    ctime: int = 0
    deleted_before: int | None = None
    declared_name: str | None = None
    declared_device_id: EntityId | None = None


class Site(Message):
    id: str
    name: str = ""


class SensorModel(Message):
    type: str
    model: str
    driver_name: str
    category: str


class DeviceModel(Message):
    id: str
    sensors: list[SensorModel] = []
    max: int | None = None


class GatewayModel(Message):
    """What may be registered under a gateway (guide, chapter 5.2). `reportInterval` in ms, the default."""

    id: str
    display_name: str = ""
    report_interval: int
    id_format: str = ""
    device_models: list[DeviceModel] = []
