"""`ferry publisher`: what is done may be repeated, what was cut short goes on, the server can always read its files."""

import contextlib
import fcntl
import json
import os
from pathlib import Path

import pytest

from ferry.client.cli.main import ferry
from ferry.client.cli.running import run
from ferry.client.errors import FerryError
from ferry.client.publishers import Folder, add, remove, rotate

SEED = "FERRY_NATS__NKEY_SEED"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "publishers").mkdir()
    (tmp_path / "publishers" / "index.conf").write_text("# ours\n")
    return tmp_path


@pytest.fixture
def typed(home, capsys):
    def do(*words):
        with pytest.raises(SystemExit) as ended:
            run(ferry, ("publisher", *words, "--publishers", "publishers"))
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return do


def all_files(home):
    return {file: file.read_bytes() for file in home.rglob("*") if file.is_file()}


def carol(*more):
    return ("add", "carol", "plant-7", "--secrets", "secrets", *more)


def listed(typed):
    return {one["name"]: one for one in json.loads(typed("list", "--json")[1])}


def test_a_publisher_is_added_once(typed, home):
    code, out, _ = typed(*carol())
    assert (code, "reload nats-server" in out) == (0, True)
    before = all_files(home)
    code, out, _ = typed(*carol())
    assert (code, "exists already" in out, "reload" in out) == (0, True, False)
    assert all_files(home) == before
    assert (home / "publishers" / "index.conf").read_text() == '# ours\ninclude "carol.conf"\n'
    assert listed(typed)["carol"]["gateways"] == ["plant-7"]


def test_secrets_are_their_owners_alone_and_the_server_reads_its_files(typed, home):
    before = os.umask(0)
    try:
        typed(*carol("--mqtt"))
        typed("rotate", "carol", "--secrets", "secrets")
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in (home / "secrets").iterdir()} == {0o600}
    assert (home / "publishers" / "carol.conf").stat().st_mode & 0o777 == 0o644
    seed = (home / "secrets" / SEED).read_text()
    password = (home / "secrets" / "MQTT_PASSWORD").read_text()
    for file in (home / "publishers").iterdir():
        assert seed not in file.read_text()
        assert password not in file.read_text()


def test_new_keys_keep_the_gateways_and_mqtt_unless_others_are_given(typed, home):
    typed(*carol("--mqtt"))
    first, seed = listed(typed)["carol"], (home / "secrets" / SEED).read_text()
    assert typed("rotate", "carol", "--secrets", "secrets")[0] == 0
    second = listed(typed)["carol"]
    assert second["publicKey"] != first["publicKey"]
    assert {**second, "publicKey": 0} == {**first, "publicKey": 0}
    assert (home / "secrets" / SEED).read_text() != seed
    typed("rotate", "carol", "a", "b", "a", "--secrets", "secrets")
    assert listed(typed)["carol"]["gateways"] == ["a", "b"]
    assert (home / "publishers" / "index.conf").read_text().count("carol") == 1


def test_what_is_removed_is_gone_and_others_stay(typed, home):
    typed(*carol())
    typed("add", "dave", "plant-8", "--secrets", "of-dave")
    assert typed("remove", "carol")[0] == 0
    assert list(listed(typed)) == ["dave"]
    assert (home / "publishers" / "index.conf").read_text() == '# ours\ninclude "dave.conf"\n'
    code, out, _ = typed("remove", "carol")
    assert (code, "there is no publisher carol" in out) == (0, True)


REFUSED = [
    (("add", "carol", "other", "--secrets", "secrets"), "exists with other gateways: plant-7"),
    (carol("--mqtt"), "exists without a user for MQTT"),
    (("add", "carol", "plant-7", "--secrets", "elsewhere"), "its seed is not in elsewhere"),
    (("add", "dave", "plant-7", "--secrets", "secrets"), "the secrets of another publisher"),
    (("rotate", "dave"), "there is no publisher dave"),
    (("add", "index", "plant-7"), "cannot be called index"),
    (("add", "Index", "plant-7"), "cannot be called Index"),
    (("add", "../x", "plant-7"), "an id has only letters"),
    (("add", "x", "plant 7"), "an id has only letters"),
    (("add", "x", "*"), "an id has only letters"),
    (("add", "x" * 129, "g"), "at most 128 characters"),
    (("add", "x"), "Missing argument"),
    (("rotate", "carol", ">", "--secrets", "secrets"), "an id has only letters"),
    (("remove", "index"), "cannot be called index"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_is_refused_is_said_and_changes_nothing(typed, home, words, said):
    typed(*carol())
    before = all_files(home)
    code, _, err = typed(*words)
    assert (code == 0, said in err) == (False, True), err
    assert all_files(home) == before


def test_folders_that_cannot_be_used_are_said(typed, home):
    (home / "secrets").write_text("a file")
    code, _, err = typed(*carol())
    assert (code, "secrets cannot be made" in err) == (1, True), err
    assert not (home / "publishers" / "carol.conf").exists()
    (home / "publishers" / "index.conf").unlink()
    code, _, err = typed("list")
    assert (code, "has no index.conf" in err) == (1, True)


def test_a_file_that_is_no_publishers_is_not_overwritten(typed, home):
    (home / "publishers" / "carol.conf").write_text("# by hand\n")
    before = all_files(home)
    for words in (carol(), ("rotate", "carol", "--secrets", "secrets")):
        code, _, err = typed(*words)
        assert (code, "cannot be changed" in err) == (1, True)
    assert all_files(home) == before


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"x" * 10])
def test_a_list_says_what_the_server_would_stumble_on(typed, home, content):
    typed("add", "dave", "plant-8")
    (home / "publishers" / "bad.conf").write_bytes(content)
    (home / "publishers" / "index.conf").write_text("include 'dave.conf'\n  include gone.conf # x\n")
    code, out, _ = typed("list", "--json")
    problems = {one["name"]: one["problem"] for one in json.loads(out)}
    assert code == 1
    assert problems["dave"] is None
    assert "nats-server does not start" in problems["gone"]
    assert problems["bad"]


def test_two_changes_at_once_are_one_after_the_other(typed, home):
    holder = os.open(home / "publishers", os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    code, _, err = typed(*carol())
    os.close(holder)
    assert (code, "another `ferry publisher`" in err) == (1, True)
    assert typed(*carol())[0] == 0


def included(folder):
    lines = (folder.path / "index.conf").read_text().splitlines()
    return [line.split('"')[1] for line in lines if line.startswith("include")]


STEPS = {
    "add": lambda folder, kept: add(folder, "carol", ["plant-7"], kept, mqtt=True),
    "rotate": lambda folder, kept: rotate(folder, "dave", [], kept.parent / "dave"),
    "remove": lambda folder, kept: remove(folder, "dave"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("survived", range(7))
def test_a_change_that_is_cut_short_anywhere_leaves_files_that_the_server_can_read(
    home, monkeypatch, step, survived
):
    """The disk fails at each write in turn; the same command again ends what was begun."""
    folder = Folder(home / "publishers")
    add(folder, "dave", ["plant-8"], home / "dave", mqtt=True)
    replace, count = Path.replace, 0

    def failing(self, target):
        nonlocal count
        count += 1
        if count > survived:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", failing)
        fails = survived < {"add": 6, "rotate": 5, "remove": 1}[step]
        with pytest.raises(FerryError, match="No space left") if fails else contextlib.nullcontext():
            STEPS[step](folder, home / "carol")
    for name in included(folder):
        assert folder.find(name.removesuffix(".conf"))
    assert not list(home.rglob(".*.conf.*")), "a new file that was left lying"
    STEPS[step](folder, home / "carol")
    expected = {"add": ["dave.conf", "carol.conf"], "rotate": ["dave.conf"], "remove": []}[step]
    assert included(folder) == expected
    if step == "add":
        again = add(folder, "carol", ["plant-7"], home / "carol", mqtt=True)
        assert (again.changed, all(one.problem is None for one in folder.listed())) == (False, True)
