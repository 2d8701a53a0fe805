"""Named connections, as the nats CLI has them: a file each, which names files of secrets and holds none itself."""

import os

from ferry.client.contexts.files import current, load
from ferry.client.settings import NatsSettings, from_environment

VARIABLE = "FERRY_CONTEXT"


def chosen(context: str | None = None) -> NatsSettings:
    """One source, never a mixture: `context`, FERRY_CONTEXT, the environment, the selected context, this machine.

    A password must not go to a server that another source named. Raises SettingsError.
    """
    if named := context or os.environ.get(VARIABLE):
        return load(named).settings(named)
    if settings := from_environment():
        return settings
    if selected := current():
        return load(selected).settings(selected)
    return NatsSettings()
