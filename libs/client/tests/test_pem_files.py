"""Certificate files in every way that they are saved."""

import codecs

import certificates
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ferry.client.cli.otosense.pem_files import read_pem_file
from ferry.contract.otosense import LARGEST_PEM
from ferry.contract.problems import ProblemError

PEM = certificates.chain("0000S111A")
DER = x509.load_pem_x509_certificate(PEM.encode()).public_bytes(Encoding.DER)


@pytest.fixture
def read(tmp_path):
    def written(data: bytes) -> str:
        file = tmp_path / "cert.pem"
        file.write_bytes(data)
        return read_pem_file(file)

    return written


@pytest.mark.parametrize(
    "data",
    [
        PEM.encode(),
        PEM.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF8 + PEM.encode(),
        PEM.encode("utf-16"),
        codecs.BOM_UTF16_BE + PEM.encode("utf-16-be"),
        PEM.encode("utf-16-le"),
        PEM.encode("utf-16-be"),
        PEM.encode("utf-32"),
        "Für den Motor\n".encode("latin-1") + PEM.encode(),
        "Für den Motor\n".encode() + PEM.encode(),
    ],
    ids=[
        "plain",
        "CRLF",
        "UTF-8 BOM",
        "UTF-16",
        "UTF-16 BE",
        "no mark",
        "no mark BE",
        "UTF-32",
        "Latin-1",
        "UTF-8",
    ],
)
def test_the_certificate_is_found(read, data):
    text = read(data).replace("\r", "")
    assert PEM.strip() in text
    assert not text.startswith("\ufeff")


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "not-pem", "the file is empty"),
        (b"\n \n", "not-pem", "the file is empty"),
        (DER, "not-pem", "binary certificate (DER)"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not-pem", "no PEM in the file"),
        (b"just text", "not-pem", "begins with -----BEGIN CERTIFICATE-----"),
        (certificates.rsa_key().encode(), "private-key", "private key"),
        (PEM.encode() + certificates.rsa_key().encode("utf-8"), "private-key", "private key"),
        (certificates.rsa_key().encode("utf-16"), "private-key", "private key"),
        (b"x" * LARGEST_PEM + PEM.encode(), "certificate-too-large", f"more than {LARGEST_PEM} characters"),
        (b"x" * 4 * 1024 * 1024, "certificate-too-large", "more than"),
    ],
    ids=range(10),
)
def test_what_was_found_and_what_is_wanted_is_said(read, data, kind, words):
    with pytest.raises(ProblemError) as error:
        read(data)
    problem = error.value.problem
    assert problem.type.endswith(kind)
    assert words in problem.title
    assert problem.hint


def test_a_file_without_an_end_or_that_is_none_is_an_error_in_words(tmp_path):
    with pytest.raises(ProblemError, match="more than"):
        read_pem_file(tmp_path.__class__("/dev/zero"))
    with pytest.raises(ProblemError, match="cannot be read: Is a directory"):
        read_pem_file(tmp_path)
    with pytest.raises(ProblemError, match="cannot be read: No such file"):
        read_pem_file(tmp_path / "none")


def test_the_bound_counts_characters_and_not_bytes(read):
    around = "é" * (LARGEST_PEM - len(PEM))
    assert len(read((around + PEM).encode())) == LARGEST_PEM
