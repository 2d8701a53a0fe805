"""What a person does here: counted first, told before it is done, and to its end."""

import re
import time

import pytest
from console_world import World, console, letter

from ferry.console.pages.dead_letters import VERBS
from ferry.contract import subjects
from ferry.contract.console import ActionFinished
from ferry.contract.problems import ProblemError
from harness.console import form_of
from harness.processes import eventually


async def chosen(shown, query):
    page = await shown.browser.get(f"/dead-letters/choose?{query}")
    assert page.status_code == 200, page.text
    return page.text


def started_by(shown, answer):
    action = shown.actions.find(answer.headers["location"].rpartition("/")[2])
    assert action
    return action


async def done(shown, query):
    """Counts, confirms, and waits for the end; the action."""
    answer = await shown.browser.post("/dead-letters/act", data=form_of(await chosen(shown, query)))
    assert answer.status_code == 303, answer.text
    action = started_by(shown, answer)

    async def ended():
        return action.ended_at is not None

    await eventually(ended, what="the action's end")
    return action


def counted(page):
    found = re.search(r'id="count">(.*?)\.', page, re.DOTALL)
    assert found
    return re.sub("<[^>]+>", "", found[1])


async def test_what_matches_is_counted_over_all_pages_and_nothing_is_done():
    async with console(World(page=10)) as shown:
        shown.world.add(*(letter(n, reason="refused" if n % 2 else "invalid_body") for n in range(1, 101)))
        await shown.sign_in()
        assert "50 dead letters" in counted(await chosen(shown, "do=discard&reason=refused"))
        assert "100 dead letters" in counted(await chosen(shown, "do=replay"))
        assert len(shown.world.letters) == 100
        assert shown.world.told == []


@pytest.mark.parametrize("verb", ["replay", "discard"])
async def test_all_that_match_and_no_others_over_many_requests(verb):
    async with console(World(page=7)) as shown:
        shown.world.add(*(letter(n, gateway=f"g{n % 2}") for n in range(1, 101)))
        await shown.sign_in()
        action = await done(shown, f"do={verb}&gateway=g1")
        assert (action.done, action.expected, action.state) == (50, 50, "done")
        assert {one.gateway for one in shown.world.letters.values()} == {"g0"}
        subject = VERBS[verb]
        assert {asked for asked, _ in shown.world.asked if "dead.re" in asked or "dead.di" in asked} == {
            subject
        }


async def test_what_died_after_the_count_is_left_alone():
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        form = form_of(await chosen(shown, "do=discard"))
        shown.world.add(letter(2, dead_at=int(time.time() * 1000) + 1))
        await shown.browser.post("/dead-letters/act", data=form)

        async def gone():
            return set(shown.world.letters) == {2}

        await eventually(gone, what="the counted one is discarded")


async def test_one_is_done_by_its_id():
    async with console(World()) as shown:
        shown.world.add(letter(1), letter(2))
        await shown.sign_in()
        await done(shown, "do=discard&id=2")
        assert set(shown.world.letters) == {1}


async def test_it_is_told_who_did_what_before_and_after():
    async with console(World()) as shown:
        shown.world.add(letter(1), letter(2, reason="invalid_body"))
        await shown.sign_in()
        await done(shown, "do=discard&reason=invalid_body")
        (first, started), (last, finished) = shown.world.told
        assert isinstance(finished, ActionFinished)
        assert (first, last) == ("started", "finished")
        assert (started.who, started.signed_in_by) == ("anna", "token")
        assert started.subject == subjects.TELEMETRY_DEAD_DISCARD
        assert started.request["reason"] == "invalid_body"
        assert (finished.id, finished.done, finished.failed, finished.problem) == (started.id, 1, 0, None)


async def test_what_cannot_be_told_is_not_done():
    async with console(World(untold=True)) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        answer = await shown.browser.post(
            "/dead-letters/act", data=form_of(await chosen(shown, "do=discard"))
        )
        assert (answer.status_code, len(shown.world.letters)) == (503, 1)


async def test_what_was_not_counted_is_not_done():
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        form = form_of(await chosen(shown, "do=discard"))
        del form["until"]
        assert (await shown.browser.post("/dead-letters/act", data=form)).status_code == 400
        assert shown.world.letters


WRONG = ({"do": "drop"}, {"do": ""}, {"id": "x"}, {"id": "1; drop"}, {"until": "soon"}, {"reason": "no_reason"},
         {"gateway": "a.b"}, {"gateway": ">"}, {"sensor": "*"})  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_form_that_was_changed_does_nothing(wrong):
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        form = {**form_of(await chosen(shown, "do=discard")), **wrong}
        assert (await shown.browser.post("/dead-letters/act", data=form)).status_code == 400
        assert (len(shown.world.letters), shown.world.told) == (1, [])


async def test_a_service_that_fails_is_asked_again_and_then_named(monkeypatch):
    monkeypatch.setattr("ferry.console.actions.running.AGAIN_S", 0.001)
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        page = await chosen(shown, "do=discard")
        shown.world.silent.add(subjects.TELEMETRY_DEAD_DISCARD)
        answer = await shown.browser.post("/dead-letters/act", data=form_of(page))
        action = started_by(shown, answer)

        async def ended():
            return action.ended_at

        await eventually(ended, what="the action's end")
        assert "nobody serves" in action.problem
        assert shown.world.told[-1][1].model_dump()["problem"] == action.problem
        assert "nobody serves" in (await shown.browser.get(f"/actions/{action.id}")).text


async def test_it_can_be_stopped():
    world = World(page=1)
    async with console(world) as shown:
        world.add(*(letter(n) for n in range(1, 1001)))
        await shown.sign_in()
        form = form_of(await chosen(shown, "do=discard&gateway=g1"))
        answer = await shown.browser.post("/dead-letters/act", data=form)
        where = answer.headers["location"]
        action = started_by(shown, answer)
        action.stopping = True  # as its form does, before another request is made

        async def ended():
            return action.ended_at

        await eventually(ended, what="the action's end")
        assert action.problem == "it was stopped"
        assert world.letters
        assert "ended early" in (await shown.browser.get(where)).text
        token = {"form_token": form["form_token"]}
        assert (await shown.browser.post(f"{where}/stop", data=token)).status_code == 303


async def test_only_so_many_run_at_once_and_the_last_are_remembered():
    async with console(World()) as shown:
        from ferry.console.actions.running import MOST_AT_ONCE, MOST_REMEMBERED
        from ferry.console.people.person import Person
        from ferry.contract.telemetry import DeadChoice

        anna = Person("anna", "token")

        async def discard_all():
            return await shown.actions.start(anna, subjects.TELEMETRY_DEAD_DISCARD, DeadChoice(all=True), 0)

        started = [await discard_all() for _ in range(MOST_AT_ONCE)]
        with pytest.raises(ProblemError, match="run already"):
            await discard_all()

        async def all_ended():
            return all(one.ended_at for one in started)

        await eventually(all_ended, what="their end")
        for _ in range(MOST_REMEMBERED + 5):
            one = await discard_all()
            started = [one]
            await eventually(all_ended, what="its end")
        assert len(shown.actions.newest_first()) == MOST_REMEMBERED


PAUSES = (
    ({"all": "true"}, None, None),
    ({"gateway": "g1"}, "g1", None),
    ({"gateway": "g1", "sensor": "s1"}, "g1", "s1"),
)


@pytest.mark.parametrize(("which", "gateway", "sensor"), PAUSES)
async def test_a_pause_is_told_shown_and_resumed(which, gateway, sensor):
    async with console(World()) as shown:
        await shown.sign_in()
        page = (await shown.browser.get("/pauses/choose", params=which)).text
        await shown.browser.post("/pauses/pause", data={**form_of(page), "reason": "<b>works</b>"})
        (pause,) = shown.world.state.paused
        assert (pause.gateway, pause.sensor, pause.reason) == (gateway, sensor, "<b>works</b>")
        assert [told.subject for _, told in shown.world.told] == [subjects.TELEMETRY_LANES_PAUSE] * 2
        assert shown.world.told[0][1].who == "anna"
        overview = (await shown.browser.get("/")).text
        assert "&lt;b&gt;works" in overview
        resume = overview.split('action="/pauses/resume">')[1].split("</form>")[0]
        answer = await shown.browser.post("/pauses/resume", data=form_of(resume))
        assert (answer.status_code, shown.world.state.paused) == (303, [])


@pytest.mark.parametrize("which", [{}, {"sensor": "s1"}, {"gateway": "a.b"}, {"gateway": "g", "all": "true"}])
async def test_a_pause_of_nothing_that_is_named_does_nothing(which):
    async with console(World()) as shown:
        await shown.sign_in()
        token = form_of(await chosen(shown, "do=replay&reason=refused")) or form_of(
            (await shown.browser.get("/")).text
        )
        for path in ("/pauses/pause", "/pauses/resume"):
            assert (
                await shown.browser.post(path, data={**which, "form_token": token["form_token"]})
            ).status_code == 400
        assert (shown.world.told, shown.world.state.paused) == ([], [])


async def test_a_pause_that_cannot_be_told_or_fails_is_no_silent_one():
    async with console(World(silent={subjects.TELEMETRY_LANES_PAUSE})) as shown:
        await shown.sign_in()
        form = form_of((await shown.browser.get("/pauses/choose?all=true")).text)
        answer = await shown.browser.post("/pauses/pause", data=form)
        assert "nobody serves" in (await shown.browser.get(answer.headers["location"])).text
        shown.world.untold = True
        assert (await shown.browser.post("/pauses/pause", data=form)).status_code == 503


async def test_counts_by_reason_lead_to_their_letters():
    async with console(World()) as shown:
        shown.world.add(letter(1), letter(2), letter(3, reason="invalid_body"))
        await shown.sign_in()
        text = (await shown.browser.get("/dead-letters")).text
        assert "refused <strong>2</strong>" in text
        assert "reason=invalid_body" in text
