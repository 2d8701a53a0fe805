"""What the manifests promise, tried on the services themselves."""

import pytest

from ferry.auth.settings import AuthSettings
from ferry.client.settings import from_environment


@pytest.fixture
def volume(tmp_path, monkeypatch):
    """A Secret's volume as the kubelet lays it: files are links into a hidden folder that is swapped whole."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..data").symlink_to("..2026")
    monkeypatch.setenv("FERRY_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("FERRY_NATS__URL", "nats://nats:4222")

    def put(**files):
        for name, text in files.items():
            (tmp_path / "..2026" / name).write_text(text)
            (tmp_path / name).symlink_to(f"..data/{name}")

    return put


def secret(settings, part, field):
    return getattr(getattr(settings, part), field).get_secret_value()


def test_secrets_are_read_from_a_volume(volume, monkeypatch):
    monkeypatch.setenv("FERRY_THINGPLUS__URL", "https://cloud.example/v2")
    volume(
        FERRY_NATS__PASSWORD="p-nats",
        FERRY_THINGPLUS__CLIENT_SECRET="p-client",
        FERRY_AUTH__ENCRYPTION_KEY="k" * 32,
    )
    assert secret(AuthSettings(), "nats", "password") == "p-nats"
    assert secret(AuthSettings(), "thingplus", "client_secret") == "p-client"
    assert secret(AuthSettings(), "auth", "encryption_key") == "k" * 32


def test_the_topology_reads_its_password_from_a_volume(volume):
    volume(FERRY_NATS__PASSWORD="p-topology")
    found = from_environment()
    assert found
    assert found.password
    assert found.password.get_secret_value() == "p-topology"
