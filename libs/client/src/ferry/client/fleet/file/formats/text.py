"""Decodes the bytes of a file."""

import codecs

from ferry.client.fleet.file.mistakes import Mistake, MistakesError

MOST_BYTES = 64 * 1024 * 1024
_OTHER = {
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


def decoded(file: str, body: bytes) -> str:
    """Without the BOM that editors and spreadsheets write. Raises MistakesError for all but UTF-8."""
    if len(body) > MOST_BYTES:
        raise MistakesError(
            file, [Mistake(1, 1, f"the file is larger than {MOST_BYTES >> 20} MiB: split it")]
        )
    for name, marks in _OTHER.items():
        if body.startswith(marks):
            raise MistakesError(file, [Mistake(1, 1, f"the file is {name}: save it as UTF-8")])
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8-sig")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = f"the byte 0x{body[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise MistakesError(file, [Mistake(line, column, what)]) from None
    if not text.strip():
        raise MistakesError(file, [Mistake(1, 1, "the file is empty: it declares at least `gateways: []`")])
    return text
