"""Events and metrics of auth."""

from collections.abc import Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from pydantic import BaseModel

from ferry.auth.tokens import schedule
from ferry.auth.tokens.keeper import Keeper
from ferry.contract.auth import Cloud, State
from ferry.runtime.events import Events


class Reporting:
    """`ferry.auth.attempts` counts requests for a token by outcome; `watch` adds the gauges."""

    def __init__(self, events: Events, meter: Meter) -> None:
        self._events = events
        self._meter = meter
        self._attempts = meter.create_counter(
            "ferry.auth.attempts", description="requests to a token endpoint, by outcome"
        )
        self._rejections = meter.create_counter(
            "ferry.auth.rejections",
            description="token requests that reject the previous token",
        )

    async def emit(self, noun: str, verb: str, message: BaseModel) -> None:
        await self._events.emit(noun, verb, message)

    def count(self, cloud: Cloud, outcome: State) -> None:
        self._attempts.add(1, {"cloud": cloud, "outcome": outcome})

    def rejected(self, cloud: Cloud) -> None:
        self._rejections.add(1, {"cloud": cloud})

    def watch(self, keepers: Mapping[Cloud, Keeper]) -> None:
        def left(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(keeper.left_s(), {"cloud": cloud}) for cloud, keeper in keepers.items()]

        def ending(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(int(keeper.ending()), {"cloud": cloud}) for cloud, keeper in keepers.items()]

        def failures(_: CallbackOptions) -> Iterable[Observation]:
            states = [keeper.state() for keeper in keepers.values()]
            return [
                Observation(state.failures, {"cloud": state.cloud, "state": state.state}) for state in states
            ]

        def age(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(keeper.age_s(), {"cloud": cloud}) for cloud, keeper in keepers.items()]

        def generation(_: CallbackOptions) -> Iterable[Observation]:
            states = [keeper.state() for keeper in keepers.values()]
            return [Observation(state.generation or 0, {"cloud": state.cloud}) for state in states]

        gauge = self._meter.create_observable_gauge
        gauge(
            "ferry.auth.token.age",
            [age],
            unit="s",
            description="since the token in use was granted; 0 without one",
        )
        gauge(
            "ferry.auth.token.generation",
            [generation],
            description="counts up with each token; 0 without one",
        )
        gauge("ferry.auth.token.left", [left], unit="s", description="until the token in use ends")
        gauge(
            "ferry.auth.token.ending",
            [ending],
            description="1 when the token is in its last days "
            f"({schedule.WARN_BEFORE_S / 86_400:g}, or its last tenth) and no refresh has worked",
        )
        gauge("ferry.auth.failures", [failures], description="failed attempts in a row, and the state")
