"""The exit codes of every command. Also in docs/operate/command.md and `ferry --help`."""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    CHANGES = 2
    WRONG_SETTINGS = 2
    LOSS = 3
    STOPPED = 130


MEANINGS = {
    Exit.DONE: "success; for a command that inspects: nothing is wrong, nothing would change",
    Exit.FAILED: "failed, wrong usage, or something is wrong (`doctor`, `status`, `validate`, `auth state`, "
    "`publisher list`, `topology --check`); stderr says what",
    Exit.CHANGES: "`plan`: something would change; `topology`: a setting is invalid, so retrying is pointless",
    Exit.LOSS: "`topology`: refused because messages would be lost",
    Exit.STOPPED: "stopped by Ctrl-C",
}
