"""The Open API Gateway's model (guide, chapter 5.2), for a check without the registry.

The guide shows three types; the others are those that its device model is seen with. What is not among them is asked
of the registry before it is called a mistake.
"""

from ferry.contract.registry import DeviceModel, GatewayModel, SensorModel

_TYPES = (
    *(
        "temperature",
        "humidity",
        "conductivity",
        "pressure",
        "windSpeed",
        "windDirection",
        "rainfall",
        "light",
    ),
    *("noise", "vibration", "acceleration", "current", "voltage", "power", "electricEnergy", "frequency"),
    *(
        "powerFactor",
        "flow",
        "level",
        "weight",
        "distance",
        "speed",
        "rpm",
        "ph",
        "co",
        "co2",
        "dust",
        "oxygen",
    ),
    *("soilMoisture", "count", "percent", "number", "onoff", "string", "location"),
)
_MODELS = {"temperature": "openApiTemp", "humidity": "openApiHumi"}

MODEL_52 = GatewayModel(
    id="52",
    display_name="Open API Gateway",
    report_interval=300_000,
    id_format="uuid",
    device_models=[
        DeviceModel(
            id="open-api-device-v1.0",
            max=99,
            sensors=[
                SensorModel(
                    type=name,
                    model=_MODELS.get(name, f"openApi{name[0].upper()}{name[1:]}"),
                    driver_name="openApiSensor",
                    category="sensor",
                )
                for name in _TYPES
            ],
        )
    ],
)
