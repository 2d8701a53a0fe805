"""What an operator sees: what is wrong and why, pages of what is long, and everything from outside as text."""

import time

import pytest
from console_world import World, calm, console, letter, well

from ferry.console.live.passing import MOST_GATEWAYS, MOST_SENSORS, Passing
from ferry.console.live.plot import line
from ferry.console.live.snapshot import History, Snapshot, rates
from ferry.console.live.troubles import MEANINGS, troubles
from ferry.console.live.watch import Watch
from ferry.console.pages.rendering import age, moment, visible
from ferry.console.pages.streaming import event
from ferry.contract import otosense, registry, subjects
from ferry.contract.auth import AuthState, CloudState
from ferry.contract.dead import Reason
from ferry.contract.problems import Problem, no_service
from ferry.contract.telemetry import (
    CloudPoint,
    CloudStatus,
    Failure,
    LaneTrouble,
    PartitionState,
    Pause,
    Presence,
    SensorAtCloud,
)

NOW_MS = 1_800_000_000_000
HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m\x00 &amp; \ud800"
GONE = no_service(subjects.TELEMETRY_STATE_GET).problem


def seen(state=None, tokens=None, **fields):
    return Snapshot(0, NOW_MS, state=state or calm(), tokens=tokens or well(), **fields)


def partly(**fields):
    return calm().model_copy(update=fields)


def replica(**fields):
    return partly(replicas=[Presence(replica="r1", **fields)])


def tokens(state, **fields):
    return AuthState(clouds=[CloudState(cloud="thingplus", state=state, **fields)])


def test_nothing_is_wrong_when_nothing_is():
    assert troubles(seen()) == []


FAILED = (Failure(at=NOW_MS - 1000, what="503 from a proxy"),)
FAILING = LaneTrouble(gateway="g1", sensor="s1", kind="failing", detail="503 text/html")
WRONG = [
    (
        Snapshot(0, NOW_MS, state_problem=GONE, tokens=well()),
        "stopped",
        "Telemetry does not answer",
        "nobody serves",
    ),
    (
        Snapshot(0, NOW_MS, state=calm(), tokens_problem=GONE),
        "failing",
        "Auth does not answer",
        "nobody serves",
    ),
    (seen(replica(breaker="open", failures=FAILED)), "stopped", "stopped sending", "503 from a proxy"),
    (seen(replica(breaker="half_open", failures=FAILED)), "failing", "checking whether", "503 from a proxy"),
    (seen(replica(breaker="open", breaker_cause="429")), "stopped", "stopped sending", "429"),
    (seen(partly(paused=[Pause(at=1, reason="works")])), "stopped", "paused everything", "works"),
    (seen(partly(paused=[Pause(gateway="g", at=1)])), "warning", "paused 1", ""),
    (seen(replica(failing_lanes=3)), "warning", "3 sensors fail", ""),
    (
        seen(replica(failing_lanes=3, troubles=(FAILING,))),
        "warning",
        "of 3 sensors fail: g1 / s1 and 2 more",
        "503 text/html",
    ),
    (seen(died={"future_time": 30}), "failing", "30 messages became dead letters", "clock is wrong"),
    (seen(died={"refused": 1}), "failing", "1 message became a dead letter", "refuses these readings"),
    (seen(died={"new_reason": 2}), "failing", "new_reason", ""),
    (seen(replica(unregistered_lanes=4)), "warning", "4 sensors that publish", ""),
    (seen(replica(dead_letters_unstored=5)), "failing", "5 dead letters cannot be stored", "full"),
    (seen(replica(failures=FAILED)), "warning", "requests of replica r1 failed", "503 from a proxy"),
    (
        seen(partly(partitions=[PartitionState(partition=7)])),
        "stopped",
        "No replica reads partition 7",
        "",
    ),
    (
        seen(partly(partitions=[PartitionState(partition=3, owner="r", oldest_age_ms=90_000)])),
        "failing",
        "90 s",
        "",
    ),
    (seen(partly(dead_bytes=900)), "failing", "90 % full", "full"),
    (
        seen(tokens=tokens("refused", detail="wrong password")),
        "stopped",
        "refuses the credentials",
        "wrong password",
    ),
    (seen(tokens=tokens("unavailable", detail="502")), "failing", "gives no token", "502"),
    (seen(tokens=tokens("bad_answer", detail="HTML")), "failing", "gives no token", "HTML"),
    (seen(tokens=tokens("unconfigured")), "warning", "not configured", ""),
]


@pytest.mark.parametrize(("snapshot", "level", "what", "why"), WRONG)
def test_each_trouble_is_named_with_its_cause(snapshot, level, what, why):
    (found,) = troubles(snapshot)
    assert found.level == level
    assert what in found.what
    assert why in found.why


async def test_what_died_of_late_is_told_apart_by_reason_and_forgotten():
    world = World()
    watch = Watch(world)
    world.add(letter(1))
    world.state = partly(dead=1)
    assert (await watch.look()).died == {}  # it was there before anybody looked
    world.add(letter(2, reason="future_time"), letter(3, reason="future_time"))
    world.state = partly(dead=3)
    assert (await watch.look()).died == {"future_time": 2}
    asked = len(world.asked)
    assert (await watch.look()).died == {"future_time": 2}
    assert subjects.TELEMETRY_DEAD_COUNT not in [subject for subject, _ in world.asked[asked:]]
    world.silent.add(subjects.TELEMETRY_DEAD_COUNT)
    world.state = partly(dead=4)
    assert (await watch.look()).died == {}


def test_every_reason_has_a_meaning():
    assert set(MEANINGS) == set(Reason)


def test_an_old_failure_is_no_trouble():
    assert troubles(seen(replica(failures=(Failure(at=NOW_MS - 120_000, what="503"),)))) == []


def test_the_worst_comes_first():
    state = partly(partitions=[PartitionState(partition=1)], dead_bytes=900)
    assert [one.level for one in troubles(seen(state, tokens("unconfigured")))] == [
        "stopped",
        "failing",
        "warning",
    ]


def test_a_thousand_free_partitions_are_one_trouble():
    (found,) = troubles(seen(partly(partitions=[PartitionState(partition=n) for n in range(1000)])))
    assert "and 992 more" in found.what


def moving(at, delivered, waiting=0, name="r1"):
    presence = Presence(replica=name, delivered=delivered, puts=delivered // 2, dead=1)
    return Snapshot(at, NOW_MS, state=partly(replicas=[presence], waiting=waiting))


def test_rates_are_of_what_happened_between():
    found = rates(moving(0, 100, 10), moving(10, 300, 110))
    assert found
    assert (found.delivered, found.puts, found.taken, found.dead) == (20, 10, 30, 0)


def test_a_replica_that_restarted_makes_no_rate():
    found = rates(moving(0, 1_000_000), moving(10, 5, name="r2"))
    assert found
    assert found.delivered == 0


def test_no_rate_of_what_did_not_answer():
    assert rates(Snapshot(0, NOW_MS), moving(1, 1)) is None
    assert rates(moving(1, 1), moving(1, 1)) is None


def test_the_history_is_bounded():
    history = History(5)
    for number in range(100):
        history.add(moving(number, number))
    assert len(list(history)) == 5
    newest, oldest = history.before(1000), history.before(99)
    assert newest
    assert oldest
    assert (newest.at, oldest.at) == (99, 95)


def test_a_line_stays_in_its_box():
    plot = line([(0, 5), (1, 5), (2, 9)], from_zero=True)
    assert plot
    for point in plot.points.split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= plot.width
        assert 0 <= y <= plot.height
    assert line([(0, 1)], from_zero=True) is None
    assert line([(0, 1), (0, 2)], from_zero=True) is None
    assert line([(0, 3), (1, 3)], from_zero=False)
    assert line([], from_zero=False, span=(0, 10)) is None


def test_a_line_in_a_span_leaves_the_rest_of_it_empty():
    plot = line([(5, 1), (10, 3)], from_zero=False, span=(0, 20))
    assert plot
    assert plot.points == "150.0,120.0 300.0,0.0"
    one = line([(5, 1)], from_zero=False, span=(0, 20))
    assert one
    assert one.dots == "M150.0 60.0h0"


async def test_the_overview_says_what_is_wrong_and_the_rest_is_still_shown():
    world = World(silent={subjects.TELEMETRY_STATE_GET})
    async with console(world) as shown:
        await shown.sign_in()
        text = (await shown.browser.get("/")).text
        assert "Telemetry does not answer" in text
        assert "Thing+" in text


async def test_many_who_look_ask_once():
    async with console(World()) as shown:
        await shown.sign_in()
        for _ in range(20):
            await shown.browser.get("/")
        asked = [subject for subject, _ in shown.world.asked]
        assert asked.count(subjects.TELEMETRY_STATE_GET) <= 2


def test_an_event_is_one_whatever_lines_it_has():
    assert event("a\n\nb\rc") == "data: a\ndata: \ndata: b\ndata: c\n\n"


@pytest.mark.parametrize(
    "path", ["/dead-letters", "/dead-letters/1", "/dead-letters/choose?do=replay&id=1", "/"]
)
async def test_what_comes_from_outside_is_text(path):
    world = World(state=replica(breaker="open", failures=(Failure(at=NOW_MS, what=HOSTILE),)))
    world.tokens = tokens("refused", detail=HOSTILE, hint=HOSTILE)
    hostile = dict.fromkeys(
        ("reason", "detail", "subject", "gateway", "sensor", "body", "traceparent"), HOSTILE
    )
    world.add(letter(1, **hostile))
    async with console(world) as shown:
        await shown.sign_in()
        answer = await shown.browser.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert not {"\u202e", "\x1b", "\x00"} & set(answer.text)


async def test_a_body_is_a_file_and_never_a_page():
    async with console(World()) as shown:
        shown.world.add(letter(1, body="<script>alert(1)</script>\ud800"))
        await shown.sign_in()
        answer = await shown.browser.get("/dead-letters/1/body")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_large_body_is_cut_on_the_page():
    async with console(World()) as shown:
        shown.world.add(letter(1, body="x" * 500_000))
        await shown.sign_in()
        assert len((await shown.browser.get("/dead-letters/1")).text) < 70_000


async def test_a_hundred_thousand_dead_letters_are_a_page():
    async with console(World()) as shown:
        shown.world.add(*(letter(n) for n in range(1, 2001)))
        await shown.sign_in()
        first = (await shown.browser.get("/dead-letters")).text
        assert first.count('<a href="/dead-letters/') - first.count("choose") <= 51
        assert "after=50" in first
        assert '<a href="/dead-letters/51">' in (await shown.browser.get("/dead-letters?after=50")).text


def gateway(number):
    return registry.Gateway(id=f"g{number:05}", name=HOSTILE, model="52", site_id="1", report_interval=1000)


def sensor(number):
    fields = dict.fromkeys(("type", "driver_name", "model", "category", "name"), HOSTILE)
    return registry.Sensor(id=f"s{number:05}", owner="g00001", device_id="d", **fields)


async def test_a_large_fleet_is_a_page_at_a_time():
    world = World(gateways=[gateway(n) for n in range(1, 1001)], sensors=[sensor(n) for n in range(10_000)])
    async with console(world) as shown:
        await shown.sign_in()
        for path, most in (("/fleet", 50), ("/fleet/g00001", 100)):
            text = (await shown.browser.get(path)).text
            assert text.count('<a href="/fleet/g') <= most + 3
            assert "next page" in text
            assert "<script>alert" not in text
            assert not {"\u202e", "\x1b", "\x00"} & set(text)
        assert (await shown.browser.get("/fleet?after=g00050")).text.count("g00051")
        assert (await shown.browser.get("/fleet/g00001/s00007")).status_code == 200


def at_cloud(*values, **fields):
    now_ms = int(time.time() * 1000)
    points = [CloudPoint(time=now_ms - 60_000 * (len(values) - n), value=v) for n, v in enumerate(values)]
    return SensorAtCloud(points=points, latest=points[-1] if points else None, **fields)


async def sensor_page(cloud=None, **world):
    """Of the sensor s00001, whose fields are all hostile."""
    clouds = {"s00001": cloud} if cloud else {}
    async with console(World(sensors=[sensor(1)], clouds=clouds, **world)) as shown:
        await shown.sign_in()
        answer = await shown.browser.get("/fleet/g00001/s00001")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        return answer.text


async def test_a_sensor_shows_its_last_reading_its_status_and_the_hour():
    forever = CloudStatus(value="on", expires_at=-1)
    text = await sensor_page(at_cloud("20.5", "21.5", "off", status=forever))
    assert "<strong>off</strong>" in text
    assert "✓ on" in text
    assert "minimum 20.5, maximum 21.5" in text


@pytest.mark.parametrize("value", ["nan", "inf", "-1e999", "1e308", HOSTILE, "", "\u0661"])
async def test_a_value_that_is_no_number_breaks_no_plot(value):
    text = await sensor_page(at_cloud("1", value, "2"))
    assert "nan" not in text.split("<polyline")[1].split("/>")[0]


async def test_a_status_whose_time_is_over_is_unknown():
    text = await sensor_page(at_cloud(status=CloudStatus(value="on", expires_at=1000)))
    assert 'unknown: "on" was valid until' in text
    assert "No reading between" in text


async def test_a_cloud_that_cannot_be_asked_is_said_and_the_rest_is_shown():
    text = await sensor_page(silent={subjects.TELEMETRY_SENSORS_GET})
    assert "not known now" in text
    assert "Its dead letters" in text


async def test_why_a_sensor_is_not_delivered_is_on_its_page():
    failing = LaneTrouble(gateway="g00001", sensor="s00001", kind="failing", detail=HOSTILE)
    assert "Its requests fail" in await sensor_page(state=replica(troubles=(failing,)))
    absent = LaneTrouble(gateway="g00001", sensor="s00001", kind="unregistered")
    assert "the registry does not have it" in await sensor_page(state=replica(troubles=(absent,)))


GATEWAY = f"{subjects.PREFIX}.gateways.g00001.>"


async def test_a_gateway_shows_what_passes_since_it_is_looked_at():
    troubled = replica(
        troubles=(LaneTrouble(gateway="g00001", sensor="s00002", kind="failing", detail=HOSTILE),)
    )
    world = World(gateways=[gateway(1)], sensors=[sensor(n) for n in range(4)], state=troubled)
    async with console(world) as shown:
        await shown.sign_in()
        assert "no reading yet" in (await shown.browser.get("/fleet/g00001")).text
        take = world.listening[GATEWAY]
        take(subjects.sensor_series("g00001", "s00001"), b'[{"value": "1"}, {"value": "21.75", "time": 1}]')
        take(subjects.sensor_status("g00001", "s00001"), b'{"value": "err"}')
        for body in (
            b"",
            b"[]",
            b"{}",
            b"[" * 100_000,
            b"\xff",
            b"x" * 100_000,
            HOSTILE.encode(errors="replace"),
        ):
            take(subjects.sensor_series("g00001", "s00003"), body)
        for odd in ("", "ferry.v1.gateways.g00001", "ferry.v1.gateways.g00001.sensors.*.series", "\udcff"):
            take(odd, b"{}")
        text = (await shown.browser.get("/fleet/g00001")).text
        assert "<strong>21.75</strong>" in text
        assert "▲ err" in text
        assert "▲ failing" in text
        assert "not a reading" in text
        assert "<script>alert" not in text
        assert "<strong>21.75</strong>" in (await shown.browser.get("/fleet/g00001/s00001")).text
        assert "1 or more of its sensors are not delivered" in (await shown.browser.get("/fleet")).text


async def test_a_bus_that_cannot_be_listened_to_hides_no_fleet():
    world = World(gateways=[gateway(1)], sensors=[sensor(1)], silent={GATEWAY})
    async with console(world) as shown:
        await shown.sign_in()
        assert "What is published cannot be shown" in (await shown.browser.get("/fleet/g00001")).text


async def test_only_so_many_gateways_are_listened_to():
    passing = Passing(world := World())
    for number in range(MOST_GATEWAYS + 5):
        await passing.of(f"g{number}")
    assert len(world.listening) == MOST_GATEWAYS
    assert f"{subjects.PREFIX}.gateways.g0.>" not in world.listening


async def test_a_publisher_that_invents_sensors_takes_no_memory():
    heard = await Passing(World()).of("g1")
    for number in range(MOST_SENSORS + 10):
        heard.take(subjects.sensor_series("g1", f"s{number}"), b'{"value": "%b"}' % (b"x" * 10_000))
    assert len(heard.readings) == MOST_SENSORS
    assert max(len(one.text) for one in heard.readings.values()) <= 100


NO_IDS = (
    *("/fleet/a.b", "/fleet/%3E", "/fleet/g1/%2A", "/fleet?after=%20", "/fleet?gateway=%3Cb%3E"),
    *("/motor-sensors?after=a.b", "/dead-letters?gateway=%3E", "/dead-letters?reason=no"),
)


@pytest.mark.parametrize("path", NO_IDS)
async def test_what_is_no_id_is_not_asked(path):
    async with console(World()) as shown:
        await shown.sign_in()
        shown.world.asked.clear()
        assert (await shown.browser.get(path)).status_code == 400
        assert shown.world.asked == []


@pytest.mark.parametrize("text", ["-1", "x", "9" * 30, "1e3", "٣"])
async def test_a_page_that_is_no_number_is_the_first(text):
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        assert (await shown.browser.get("/dead-letters", params={"after": text})).status_code == 200


async def test_motor_sensors_that_wait_come_first():
    def motor(id_, stage):
        fields = {"provisioned": "t", "provisioned_by": "me", "next_step": HOSTILE, "claimed_at": NOW_MS}
        return otosense.Sensor(sensor_id=id_, stage=stage, **fields)

    async with console(World(motors=[motor("a", "connected"), motor("b", "waiting")])) as shown:
        await shown.sign_in()
        text = (await shown.browser.get("/motor-sensors")).text
        assert text.index("<code>b</code>") < text.index("<code>a</code>")
        assert "<script>alert" not in text


async def test_a_problem_is_shown_with_what_to_do():
    async with console(World(silent={subjects.REGISTRY_GATEWAYS_LIST})) as shown:
        await shown.sign_in()
        answer = await shown.browser.get("/fleet")
        assert answer.status_code == 503
        assert "is the service running" in answer.text


async def test_a_service_that_answers_with_an_odd_status_is_shown_all_the_same():
    class Odd(World):
        async def ask(self, subject, request, answer, *, timeout_s=0):
            from ferry.contract.problems import ProblemError

            raise ProblemError(Problem(type="x", title=HOSTILE, status=7))

    async with console(Odd()) as shown:
        await shown.sign_in()
        assert (await shown.browser.get("/fleet")).status_code == 502


def test_what_no_eye_sees_is_written_out():
    assert visible("a\u202eb\x1bc\ud800") == "a\\u202eb\\x1bc\\ud800"
    assert visible("ä\n\tb") == "ä\n\tb"


@pytest.mark.parametrize("ms", [0, None, -1, 10**18])
def test_a_moment_that_is_none_is_a_dash(ms):
    assert moment(ms) == "—"


def test_ages_are_short():
    assert [age(ms) for ms in (None, 1500, 45_000, 600_000, 10_800_000, 864_000_000)] == [
        *("—", "1.5 s", "45 s", "10 min", "3 h", "10 d")
    ]
