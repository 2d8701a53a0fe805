from hypothesis import given
from hypothesis import strategies as st

from ferry.auth.tokens import schedule

chances = st.floats(0, 1, exclude_max=True)


@given(st.floats(0.1, 1e9), chances)
def test_jitter_only_makes_a_refresh_earlier(life_s, chance):
    assert 0.64 * life_s < schedule.refresh_in(life_s, chance) <= 0.75 * life_s


@given(st.sampled_from(["refused", "unavailable", "bad_answer"]), st.integers(1, 10**6), chances)
def test_back_off_grows_within_bounds(outcome, failures, chance):
    assert 0.5 <= schedule.retry_in(outcome, failures, None, chance) <= 300


def test_what_the_cloud_asks_for_is_waited_within_an_hour():
    assert schedule.retry_in("unavailable", 1, 120, 0) == 120
    assert schedule.retry_in("unavailable", 1, 10**6, 0) == 3600


def test_a_token_is_ending_in_its_last_week_or_tenth():
    day = 86_400.0
    assert not schedule.is_ending(90 * day, 8 * day)
    assert schedule.is_ending(90 * day, 6 * day)
    assert not schedule.is_ending(3600, 400)
    assert schedule.is_ending(3600, 300)
