"""`ferry context`: what is saved can be used, and what cannot be used is one clear line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_tree import every

from ferry.client import contexts
from ferry.client.cli.main import ferry
from ferry.client.cli.running import run
from ferry.client.contexts import files
from ferry.client.errors import SettingsError

FERRY = Path(sys.executable).parent / "ferry"
SECRET = "sup-rsecret"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("FERRY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "password").write_text(SECRET + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def typed(capsys):
    def do(*words):
        with pytest.raises(SystemExit) as ended:
            run(ferry, words)
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return ended.value.code, said.out, said.err

    return do


def file_of(home, name):
    return home / "config" / "ferry" / "contexts" / f"{name}.json"


def add(typed, name="prod", *more):
    words = ("context", "add", name, "--server", "nats://127.0.0.1:1", "--user", "operator")
    return typed(*words, "--password-file", "password", *more)


def test_what_is_added_is_used(typed, home):
    assert add(typed)[0] == 0
    assert typed("context", "add", "lab", "--server", "tls://lab:4222,tls://lab2:4222")[0] == 0
    assert contexts.chosen("prod").options()["password"] == SECRET
    assert contexts.chosen().url == "nats://127.0.0.1:1"
    assert typed("context", "use", "lab")[0] == 0
    assert contexts.chosen().url == "tls://lab:4222,tls://lab2:4222"
    listed = json.loads(typed("context", "list", "--json")[1])
    assert [(row["name"], row["selected"]) for row in listed] == [("lab", True), ("prod", False)]
    assert json.loads(typed("context", "show", "prod", "--json")[1])["password_file"] == str(
        home / "password"
    )
    assert typed("context", "remove", "lab")[0] == 0
    assert files.current() is None


def test_only_the_owner_reads_what_is_saved_whatever_the_umask_and_the_old_mode(typed, home):
    before = os.umask(0)
    try:
        add(typed)
        file_of(home, "prod").chmod(0o666)
        add(typed, "prod", "--replace")
    finally:
        os.umask(before)
    assert file_of(home, "prod").stat().st_mode & 0o777 == 0o600
    assert (home / "config" / "ferry" / "context").stat().st_mode & 0o777 == 0o600
    assert SECRET not in file_of(home, "prod").read_text()
    assert {file.name for file in file_of(home, "prod").parent.iterdir()} == {"prod.json"}


def test_an_existing_context_is_not_replaced_unasked(typed, home):
    add(typed)
    before = file_of(home, "prod").read_bytes()
    code, _, err = typed("context", "add", "prod", "--server", "nats://elsewhere")
    assert (code, "exists already" in err) == (1, True)
    assert file_of(home, "prod").read_bytes() == before


@pytest.mark.parametrize("place", ["before", "after"])
def test_every_command_takes_a_context(typed, place):
    add(typed)
    words = ("--context", "prod", "status") if place == "before" else ("status", "--context", "prod")
    code, _, err = typed(*words)
    assert (code, "no connection to NATS at nats://127.0.0.1:1" in err) == (1, True)


def test_each_command_has_the_option():
    for path, command in every():
        assert not path or any(option.name == "context" for option in command.params), path


BROKEN = {
    "not JSON": b"{",
    "empty": b"",
    "binary": bytes(range(256)),
    "a list": b"[]",
    "a field too many": b'{"url": "nats://a", "pasword_file": "x"}',
    "no server": b'{"user": "x"}',
    "a server that is none": b'{"url": "http://a"}',
    "a port that is none": b'{"url": "nats://a:99999"}',
    "a password in the URL": b'{"url": "nats://me:' + SECRET.encode() + b'@a"}',
    "a number": b'{"url": 4}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_clear_line_and_spoils_no_other(typed, home, content):
    add(typed, "good")
    file_of(home, "bad").write_bytes(content)
    code, _, err = typed("status", "--context", "bad")
    first, *rest = err.splitlines()
    assert code == 1
    assert first.startswith(f"ferry: the context 'bad' cannot be read: {file_of(home, 'bad')}: ")
    assert all(line.startswith("  hint: ") for line in rest)
    code, out, _ = typed("context", "list", "--json")
    assert code == 0
    assert {row["name"]: row["problem"] is None for row in json.loads(out)} == {"good": True, "bad": False}
    assert typed("context", "remove", "bad")[0] == 0
    assert not file_of(home, "bad").exists()


def test_a_folder_in_the_place_of_a_file_is_said(typed, home):
    file_of(home, "bad").mkdir(parents=True)
    code, _, err = typed("status", "--context", "bad")
    assert (code, "cannot be read" in err) == (1, True)
    (home / "config" / "ferry" / "context").mkdir()
    code, _, err = typed("status")
    assert (code, "cannot be read" in err) == (1, True)


@pytest.mark.parametrize("content", ["../../etc/passwd", "a b", "\x1b[2J", "gone"])
def test_a_selection_that_names_nothing_is_said(typed, home, content):
    add(typed)
    (home / "config" / "ferry" / "context").write_text(content)
    code, _, err = typed("status")
    assert code == 1
    assert "does not name a context" in err or "there is no context 'gone'" in err
    assert typed("context", "use", "prod")[0] == 0


WRONG = [
    (("--server", f"nats://me:{SECRET}@a"), "password in it"),
    (("--server", f"nats://{SECRET}@a"), "password in it"),
    (("--server", "http://a"), "not one"),
    (("--server", "nats://"), "not one"),
    (("--server", "nats://a,"), "not one"),
    (("--server", "nats://[::1"), "not one"),
    (("--server", "nats://a", "--password-file", "password"), "needs --user"),
    (("--server", "nats://a", "--user", "x", "--nkey", "password"), "exclude each other"),
    (("--server", "nats://a", "--nkey", "password"), "nkey seed is not one"),
    (("--server", "nats://a", "--creds", "password"), "not a credentials file"),
    (("--server", "nats://a", "--ca", "password"), "holds no certificate"),
    (("--server", "nats://a", "--ca", "absent"), "cannot be read"),
    (("--server", "nats://a", "--user", "x", "--password-file", "absent"), "cannot be read"),
    (("--server", "nats://a", "--user", "x", "--password-file", "/dev/null"), "is empty"),
    (("--server", "nats://a", "--user", "x", "--password-file", "pipe"), "is a pipe"),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_what_cannot_be_used_is_not_saved(typed, home, words, said):
    os.mkfifo(home / "pipe")
    code, _, err = typed("context", "add", "bad", *words)
    assert code != 0
    assert said in err
    assert files.names() == []


@pytest.mark.parametrize("name", ["../x", "a b", "", "x" * 129, "ü"])
def test_a_name_that_is_none_is_said(typed, name):
    code, _, err = typed("context", "add", name, "--server", "nats://a")
    assert (code, "a context's name has only" in err) == (1, True)


def test_the_secrets_directory_and_the_context_are_not_mixed(typed, home, monkeypatch):
    """The password of one must not go to the server of the other."""
    add(typed)
    (home / "secrets").mkdir()
    (home / "secrets" / "FERRY_NATS__URL").write_text("nats://from-secrets\n")
    monkeypatch.setenv("FERRY_SECRETS_DIR", str(home / "secrets"))
    assert (contexts.chosen().url, contexts.chosen().password) == ("nats://from-secrets", None)
    assert contexts.chosen("prod").url == "nats://127.0.0.1:1"
    monkeypatch.setenv("FERRY_CONTEXT", "prod")
    assert contexts.chosen().url == "nats://127.0.0.1:1"
    monkeypatch.delenv("FERRY_CONTEXT")
    monkeypatch.setenv("FERRY_SECRETS_DIR", str(home / "absent"))
    with pytest.raises(SettingsError, match="names no folder"):
        contexts.chosen()


BACKEND = """
import json, pathlib
import keyring.backend
FILE = pathlib.Path(__file__).with_name("keyring.json")

class Keyring(keyring.backend.KeyringBackend):
    priority = 1

    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def get_password(self, service, name):
        return self._all().get(f"{service}/{name}")

    def set_password(self, service, name, password):
        FILE.write_text(json.dumps({**self._all(), f"{service}/{name}": password}))

    def delete_password(self, service, name):
        FILE.write_text(json.dumps({k: v for k, v in self._all().items() if k != f"{service}/{name}"}))
"""


def in_process(home, *words, backend="backend.Keyring", typed=""):
    env = {**os.environ, "PYTHONPATH": str(home), "PYTHON_KEYRING_BACKEND": backend}
    done = subprocess.run(
        [FERRY, *words], input=typed, capture_output=True, text=True, check=False, env=env, timeout=30
    )
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


def test_a_password_goes_into_the_keyring_and_with_its_context(home):
    (home / "backend.py").write_text(BACKEND)
    words = ("context", "add", "desk", "--server", "nats://127.0.0.1:1", "--user", "me", "--keyring")
    done = in_process(home, *words, typed=SECRET + "\n")
    assert done.returncode == 0, done.stderr
    assert json.loads((home / "keyring.json").read_text()) == {"ferry/desk": SECRET}
    assert "no connection" in in_process(home, "status").stderr
    assert in_process(home, "context", "remove", "desk").returncode == 0
    assert json.loads((home / "keyring.json").read_text()) == {}


def test_a_keyring_that_does_not_answer_is_said(home):
    words = ("context", "add", "desk", "--server", "nats://127.0.0.1:1", "--user", "me", "--keyring")
    done = in_process(home, *words, backend="keyring.backends.fail.Keyring", typed=SECRET + "\n")
    assert (done.returncode, "the keyring does not answer" in done.stderr) == (1, True)
    assert files.names() == []
