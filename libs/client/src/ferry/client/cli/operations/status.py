"""`ferry status`: who owns what, how far behind, and how the cloud behaves."""

import click

from ferry.client.bus import Bus
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import as_json, print_json, print_table, say
from ferry.contract import subjects
from ferry.contract.telemetry import State, StateRequest


@click.command()
@as_json
def status(as_json: bool) -> None:
    """Show telemetry's replicas, partitions, breaker, limit and last errors."""

    async def work(bus: Bus) -> State:
        return await bus.ask(subjects.TELEMETRY_STATE_GET, StateRequest(), State)

    state = on_bus(work)
    if as_json:
        print_json(state)
        return
    full = (
        f"{100 * state.dead_bytes / state.dead_max_bytes:.0f} % full"
        if state.dead_max_bytes > 0
        else "unbounded"
    )
    say(f"waiting {state.waiting} ({state.waiting_bytes} bytes), dead letters {state.dead} ({full})")
    say()
    print_table(
        ("replica", "partitions", "in hand", "requests/limit", "breaker", "delivered", "dead", "retries"),
        (
            (
                *(seen.replica, len(seen.partitions), seen.in_flight, f"{seen.requests}/{seen.limit}"),
                *(seen.breaker, seen.delivered, seen.dead, seen.retries),
            )
            for seen in state.replicas
        ),
    )
    behind = [part for part in state.partitions if part.lag or part.oldest_age_ms or part.owner is None]
    if behind:
        say()
        print_table(
            ("partition", "owner", "lag", "oldest age"),
            ((part.partition, part.owner or "nobody", part.lag, _age(part.oldest_age_ms)) for part in behind),
        )
    failures = [failure for seen in state.replicas for failure in seen.failures]
    if failures:
        say()
        say("last errors")
        for failure in sorted(failures, key=lambda failure: failure.at)[-5:]:
            say(f"  {failure.what}")


def _age(age_ms: int | None) -> str:
    return "" if age_ms is None else f"{age_ms / 1000:.1f} s"
