"""The model check against models of any shape: right requests pass filled in, wrong ones name their field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    DeviceModel,
    GatewayModel,
    RegisterSensor,
    SensorModel,
    model_check,
)

words = st.text("abcdefghij", min_size=1, max_size=8)
kinds = st.builds(SensorModel, type=words, model=words, driver_name=words, category=st.just("sensor"))
device_models = st.builds(
    DeviceModel,
    id=words,
    sensors=st.lists(kinds, min_size=1, max_size=6, unique_by=lambda kind: kind.type),
    max=st.none() | st.integers(0, 99),
)
gateway_models = st.builds(
    GatewayModel,
    id=words,
    report_interval=st.just(60_000),
    id_format=st.sampled_from(["", "uuid"]),
    device_models=st.lists(device_models, min_size=1, max_size=4, unique_by=lambda model: model.id),
)


def wanted(kind, **more):
    return RegisterSensor(owner="g", device_id="d", name="S", type=kind, **more)


def refused(call, *arguments):
    with pytest.raises(ProblemError) as error:
        call(*arguments)
    assert 400 <= error.value.problem.status < 500
    return error.value.problem


@given(device_models, st.data())
def test_what_belongs_to_the_type_is_filled_in_and_may_be_said(model, data):
    kind = data.draw(st.sampled_from(model.sensors))
    said = data.draw(st.fixed_dictionaries({}, optional={
        "driver_name": st.just(kind.driver_name), "model": st.just(kind.model), "category": st.just("sensor"),
    }))  # fmt: skip
    assert model_check.sensor_model(model, wanted(kind.type, **said)) == kind


@given(device_models, st.data(), words)
def test_what_does_not_belong_to_the_type_names_field_and_value(model, data, other):
    kind = data.draw(st.sampled_from(model.sensors))
    field, name = data.draw(st.sampled_from([("driverName", "driver_name"), ("model", "model")]))
    if other == getattr(kind, name):
        other += "x"
    problem = refused(model_check.sensor_model, model, wanted(kind.type, **{name: other}))
    assert (problem.field, problem.allowed) == (field, [getattr(kind, name)])


@given(device_models, words)
def test_an_unknown_type_names_all_that_are_allowed(model, name):
    types = sorted(kind.type for kind in model.sensors)
    if name not in types:
        problem = refused(model_check.sensor_model, model, wanted(name))
        assert (problem.field, problem.allowed) == ("type", types)


@given(device_models, st.data())
def test_an_actuator_is_refused_whatever_its_type(model, data):
    kind = data.draw(st.sampled_from([*(one.type for one in model.sensors), "led"]))
    problem = refused(model_check.sensor_model, model, wanted(kind, category="actuator"))
    assert (problem.field, problem.allowed) == ("category", ["sensor"])


@given(gateway_models, words)
def test_a_device_model_is_found_or_all_are_named(model, name):
    known = {one.id: one for one in model.device_models}
    if name in known:
        assert model_check.device_model(model, name) is known[name]
    else:
        problem = refused(model_check.device_model, model, name)
        assert (problem.field, problem.allowed) == ("model", sorted(known))


@given(gateway_models)
def test_a_device_model_may_be_left_out_when_there_is_one(model):
    if len(model.device_models) == 1:
        assert model_check.device_model(model, None) is model.device_models[0]
    else:
        assert refused(model_check.device_model, model, None).field == "model"


@given(device_models, st.integers(0, 120), st.integers(0, 3))
def test_there_is_room_below_the_maximum_alone(model, there, others):
    gateway = GatewayModel(id="m", report_interval=60_000, device_models=[model])
    device = Device(id="d", owner="g", name="D", model=model.id)
    all_there = [device] * there + [device.model_copy(update={"model": "another"})] * others
    if model.max is None or there < model.max:
        model_check.check_room(gateway, device, all_there)
    else:
        assert refused(model_check.check_room, gateway, device, all_there).field == "model"


@given(st.uuids(), gateway_models)
def test_a_uuid_without_dashes_is_an_id_of_every_model(one, model):
    model_check.check_id(model, one.hex)
    if model.id_format == "uuid":
        for bad in (str(one), one.hex[:-1], one.hex + "0", one.hex + "\n", "G" + one.hex[1:]):
            assert refused(model_check.check_id, model, bad).field == "reqId"


def test_a_typo_is_told_the_nearest():
    sensors = [
        SensorModel(type=name, model="m", driver_name="d", category="sensor")
        for name in ("temperature", "humidity")
    ]
    problem = refused(model_check.sensor_model, DeviceModel(id="d", sensors=sensors), wanted("temprature"))
    assert problem.hint == "did you mean 'temperature'?"


def of(*kinds):
    return DeviceModel(
        id="d",
        sensors=[SensorModel(type=t, model=m, driver_name=d, category=c) for t, m, d, c in kinds],
    )


def test_a_type_of_actuators_is_refused_even_when_the_request_does_not_say_so():
    model = of(("led", "m", "d", "actuator"), ("power", "a", "d", "actuator"), ("power", "s", "d", "sensor"))
    problem = refused(model_check.sensor_model, model, wanted("led"))
    assert (problem.type.rpartition(":")[2], problem.field) == ("actuator", "type")
    assert model_check.sensor_model(model, wanted("power")).category == "sensor"


def test_a_type_that_stands_there_twice_is_told_apart_by_what_is_said_of_it():
    model = of(("power", "one", "d1", "sensor"), ("power", "two", "d2", "sensor"))
    assert model_check.sensor_model(model, wanted("power", model="two")).driver_name == "d2"
    assert model_check.sensor_model(model, wanted("power")).model == "one"
    problem = refused(model_check.sensor_model, model, wanted("power", driver_name="d1", model="two"))
    assert (problem.field, problem.allowed) == ("model", ["one"])
    problem = refused(model_check.sensor_model, model, wanted("power", driver_name="d3"))
    assert (problem.field, problem.allowed) == ("driverName", ["d1", "d2"])
