"""The window of unconfirmed messages: never more than its size, first come first served, and a turn is never lost."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ferry.client.publishing.window import Window


@given(st.integers(1, 4), st.lists(st.booleans(), min_size=1, max_size=30))
def test_it_bounds_and_serves_in_order_whoever_gives_up(size, gives_up):
    async def scenario():
        window, inside, served, most = Window(size), 0, [], 0

        async def work(number):
            nonlocal inside, most
            async with window:
                inside += 1
                most = max(most, inside)
                served.append(number)
                try:
                    await asyncio.sleep(0)
                finally:
                    inside -= 1

        tasks = [asyncio.create_task(work(number)) for number in range(len(gives_up))]
        await asyncio.sleep(0)
        for task, cancelled in zip(tasks, gives_up, strict=True):
            if cancelled:
                task.cancel()
                await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
            for _ in range(size):  # every turn is there again
                await window.__aenter__()
        assert most <= size
        assert served == sorted(served)
        assert {number for number, cancelled in enumerate(gives_up) if not cancelled} <= set(served)

    asyncio.run(scenario())
