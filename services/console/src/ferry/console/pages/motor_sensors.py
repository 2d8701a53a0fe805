"""OtoSense motor sensors: which have not connected yet, and what to do."""

from starlette.requests import Request
from starlette.responses import Response

from ferry.console.bus import Bus
from ferry.console.pages.rendering import page
from ferry.contract import subjects
from ferry.contract.otosense import ListSensors, SensorList

PAGE = 100
ORDER = ("waiting", "silent", "released", "connected")


class MotorSensors:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def list(self, request: Request) -> Response:
        asked = ListSensors.model_validate(
            {"after": request.query_params.get("after") or None, "limit": PAGE}
        )
        found = await self._bus.ask(subjects.OTOSENSE_SENSORS_LIST, asked, SensorList)
        sensors = sorted(found.items, key=lambda sensor: (ORDER.index(sensor.stage), sensor.sensor_id))
        return page(request, "motor_sensors.html", sensors=sensors, next=found.next, after=asked.after)
