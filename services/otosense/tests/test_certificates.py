"""What a chain must be before any call, with certificates that are really made."""

from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import certificates
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.contract.otosense import LARGEST_PEM
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


ROOT, OTHER_ROOT, MIDDLE = (certificates.Authority(name) for name in ("Root", "Other Root", "Middle"))
LEAF, OWN_MIDDLE = MIDDLE.issue("0000S111A"), MIDDLE.signed_by(ROOT)
CROSSED = MIDDLE.signed_by(OTHER_ROOT)
GOOD = LEAF + OWN_MIDDLE + ROOT.root


def same(pem: str, wanted: str) -> bool:
    return read_chain(pem).pem.split() == wanted.split()


@pytest.mark.parametrize(
    "pem",
    [LEAF + GOOD, GOOD + LEAF, LEAF + OWN_MIDDLE + OWN_MIDDLE, GOOD + GOOD, OWN_MIDDLE + LEAF + OWN_MIDDLE],
    ids=["leaf in front", "leaf behind", "intermediate", "all", "in between"],
)
def test_one_that_is_given_twice_is_sent_once(pem):
    chain = read_chain(pem)
    assert chain.sensor_id == "0000S111A"
    sent = blocks(chain.pem)
    assert len(sent) == len(set(sent))
    assert any("more than once" in warning for warning in chain.warnings)


def test_of_cross_signed_authorities_one_whole_path_is_sent():
    assert same(LEAF + OWN_MIDDLE + CROSSED, LEAF + OWN_MIDDLE)
    assert same(LEAF + CROSSED + OWN_MIDDLE, LEAF + CROSSED)
    both_roots = read_chain(LEAF + OWN_MIDDLE + CROSSED + ROOT.root + OTHER_ROOT.root)
    assert len(blocks(both_roots.pem)) == 3
    assert any("cross-signed" in warning for warning in both_roots.warnings)
    one_root = LEAF + OWN_MIDDLE + CROSSED + (other := OTHER_ROOT.root)
    assert same(one_root, LEAF + CROSSED + other)  # the longer path


def test_authorities_that_all_sign_one_another_take_no_time():
    crowd = [certificates.Authority("The Same") for _ in range(3)]
    for one in crowd[1:]:
        one.key = crowd[0].key
    many = "".join(crowd[0].signed_by(crowd[0]) for _ in range(9))
    assert read_chain(crowd[0].issue("S") + many).sensor_id == "S"


@pytest.mark.parametrize(
    "pem",
    [ROOT.root, OWN_MIDDLE, OWN_MIDDLE + ROOT.root, ROOT.root + OTHER_ROOT.root],
    ids=["root", "intermediate", "both", "two roots"],
)
def test_authorities_alone_are_refused_before_the_cloud(pem):
    with pytest.raises(ProblemError) as error:
        read_chain(pem)
    problem = error.value.problem
    assert problem.type.endswith("only-authorities")
    assert "a sensor's own is wanted" in problem.title
    assert "'Root'" in problem.title or "'Middle'" in problem.title


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (0, 2, 1), (2, 0, 1)])
def test_any_order_is_put_in_order(order):
    parts = [LEAF, OWN_MIDDLE, ROOT.root]
    chain = read_chain("".join(parts[number] for number in order))
    assert blocks(chain.pem)[0].split() == LEAF.split()
    assert chain.warnings == ("the chain was not leaf first; it was put in order",)


def test_one_of_another_chain_is_named():
    with pytest.raises(ProblemError, match="chain") as error:
        read_chain(LEAF + OWN_MIDDLE + OTHER_ROOT.root)
    assert error.value.problem.type.endswith("chain-broken")
    assert "'Other Root'" in error.value.problem.title
    same_name = certificates.Authority("Middle")
    assert refused(LEAF + same_name.signed_by(ROOT)) == "chain-broken"
    assert refused(LEAF + MIDDLE.issue("0000S222B") + OWN_MIDDLE) == "two-leaves"


def test_an_authority_that_has_ended_is_a_warning_and_a_leaf_that_has_ended_no_chain():
    ended = MIDDLE.signed_by(ROOT, days=-1)
    assert any("'Middle' is not valid at this time" in one for one in read_chain(LEAF + ended).warnings)
    assert refused(MIDDLE.issue("S", days=-1) + OWN_MIDDLE) == "certificate-expired"


@pytest.mark.parametrize(
    "written",
    [
        lambda pem: "\ufeff" + pem,
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", "\r"),
        lambda pem: pem.replace("\n", "\\n"),
        lambda pem: pem.replace("\n", " "),
        lambda pem: pem.replace("\n", "\n    "),
        lambda pem: pem.rstrip("\n"),
        "\x00".join,
        lambda pem: f"Bag Attributes\n    friendlyName: Motör 7\nsubject=CN = x\n{pem}\nissuer=/CN=\u2028\n",
        lambda pem: pem.replace(END, f"{END}text in between, -----not a mark-----\n"),
        lambda pem: pem.replace(" CERTIFICATE", " X509 CERTIFICATE"),
        lambda pem: f"cert: |\n  {pem}",
    ],
    ids=[
        *("BOM", "CRLF", "CR", "escaped", "one line", "indented", "no end of line", "UTF-16 as bytes"),
        *("OpenSSL's text", "text in between", "old label", "YAML"),
    ],
)
def test_any_text_may_stand_around_it(written):
    assert same(written(GOOD), GOOD)


@pytest.mark.parametrize(
    ("pem", "kind", "words"),
    [
        ("   \n", "not-pem", "it is empty"),
        ("\x30\x82\x01\x0a", "not-pem", "no PEM certificate"),
        ("CERTIFICATE-----\nMII", "certificate-truncated", "no complete line"),
        (LEAF.partition("\n")[2], "certificate-truncated", "ends and has no beginning"),
        (LEAF.replace("-----END", "----END"), "certificate-truncated", "begins and has no end"),
        (LEAF.rpartition("-----END")[0] + LEAF, "certificate-truncated", "begins and has no end"),
        (LEAF.replace("MII", "M%I", 1), "certificate-damaged", "not Base64"),
        (OWN_MIDDLE + LEAF.replace("MII", "AII", 1), "certificate-damaged", "certificate 2"),
        (LEAF.replace("CERTIFICATE", "PUBLIC KEY"), "not-a-certificate", "a public key"),
        (LEAF.replace("CERTIFICATE", "CERTIFICATE REQUEST"), "not-a-certificate", "a request"),
        (LEAF.replace("CERTIFICATE", "PKCS7"), "not-a-certificate", "PKCS #7"),
        (LEAF.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "not-a-certificate", "OpenSSL"),
        (LEAF + LEAF.replace("CERTIFICATE", "X509 CRL"), "not-a-certificate", "revoked"),
        (LEAF.replace("CERTIFICATE", "ENCRYPTED PRIVATE KEY"), "private-key", "private key"),
        ("x" * 65_537, "certificate-too-large", "more than 65536 characters: 65537"),
        (LEAF * 11, "certificate-too-large", "in it: 11"),
    ],
    ids=lambda value: value if len(value) < 40 and "MII" not in value else "pem",
)
def test_what_was_found_and_what_is_wanted_is_said(pem, kind, words):
    with pytest.raises(ProblemError) as error:
        read_chain(pem)
    problem = error.value.problem
    assert (problem.type.rpartition(":")[2], problem.status) == (kind, 400)
    assert words in problem.title
    assert problem.hint


def test_the_bound_is_the_contracts():
    around = "x" * (LARGEST_PEM - len(GOOD))
    assert same(around + GOOD, GOOD)
    assert refused(around + "x" + GOOD) == "certificate-too-large"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, 2_000), st.binary(min_size=1, max_size=8), st.integers(0, 4))
def test_no_bytes_end_in_anything_but_a_problem(at, put, cut):
    """Certificates that somebody made up, in every field of a real one."""
    body = bytearray(b64decode("".join(LEAF.split("\n")[1:-2])))
    at %= len(body)
    body[at : at + cut] = put
    made_up = f"-----BEGIN CERTIFICATE-----\n{b64encode(bytes(body)).decode()}\n{END}"
    with suppress(ProblemError):
        read_chain(made_up + OWN_MIDDLE)


@given(st.text(max_size=200))
def test_no_text_ends_in_anything_but_a_problem(text):
    with pytest.raises(ProblemError):
        read_chain(text)
    assert same(f"{text.replace('-', '')}\n{GOOD}", GOOD)
