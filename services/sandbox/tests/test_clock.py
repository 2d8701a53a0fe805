from ferry.sandbox.clock import Clock, iso


class Hand:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def test_time_runs_as_fast_as_it_was_told_and_never_jumps_back() -> None:
    hand = Hand()
    clock = Clock(hand)
    clock.set(scale=60)
    hand.at += 10
    assert clock.now_s() == 1_600
    clock.set(advance_s=5, scale=1)
    assert clock.now_s() == 1_605
    hand.at += 1
    assert clock.now_ms() == 1_606_000


def test_moments_are_printed_as_the_guides_print_them() -> None:
    assert iso(1597776215.713) == "2020-08-18T18:43:35.713Z"
