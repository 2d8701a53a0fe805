"""What a chain must be before any call, with certificates that are really made."""

from datetime import UTC, datetime, timedelta

import certificates
import pytest

from ferry.contract.problems import ProblemError
from ferry.otosense.certificates import read_chain

END = "-----END CERTIFICATE-----\n"


def blocks(pem: str) -> list[str]:
    return [part + END for part in pem.split(END) if part]


def refused(pem: str, now: datetime | None = None) -> str:
    with pytest.raises(ProblemError) as error:
        read_chain(pem, now)
    assert error.value.problem.status == 400
    assert error.value.problem.field == "cert"
    assert error.value.problem.hint
    return error.value.problem.type.rpartition(":")[2]


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_good_chain_names_its_sensor(kind):
    pem = certificates.chain("0000S111A", kind)
    chain = read_chain(pem)
    assert (chain.sensor_id, chain.warnings) == ("0000S111A", ())
    assert chain.pem.split() == pem.split()


def test_a_reversed_chain_is_put_in_order_and_is_the_same_sensor():
    pem = certificates.chain("0000S111A")
    turned = read_chain("".join(reversed(blocks(pem))))
    assert turned.pem == read_chain(pem).pem
    assert turned.fingerprint == read_chain(pem).fingerprint
    assert "put in order" in turned.warnings[0]


def test_what_is_only_odd_is_a_warning():
    assert "authority" in read_chain(certificates.self_signed("0000S111A")).warnings[0]
    odd = read_chain(certificates.chain("a sensor.with/an odd name"))
    assert odd.sensor_id is None
    assert "no sensor id" in odd.warnings[0]


def test_times():
    assert refused(certificates.self_signed("S", days=-1)) == "certificate-expired"
    before = datetime.now(UTC) - timedelta(days=60)
    assert refused(certificates.chain("S"), before) == "certificate-not-yet-valid"


@pytest.mark.parametrize(
    ("pem", "kind"),
    [
        ("", "not-pem"),
        ("rubbish" * 10, "not-pem"),
        ("x" * 1_000_000, "certificate-too-large"),
        (certificates.chain("S")[:400], "certificate-truncated"),
        (certificates.rsa_key(), "private-key"),
        (certificates.chain("S") + certificates.rsa_key(), "private-key"),
        (certificates.chain("S").replace("\nM", "\nX", 1), "certificate-damaged"),
        (certificates.chain("S") + certificates.chain("T"), "two-leaves"),
        (certificates.self_signed("S") * 11, "certificate-too-large"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not-a-certificate"),
    ],
)
def test_each_problem_has_its_name(pem, kind):
    assert refused(pem) == kind
