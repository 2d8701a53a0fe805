"""A context's password in the desktop's keyring, under the service `ferry` and the context's name."""

from ferry.client.errors import SettingsError

SERVICE = "ferry"


def stored(name: str) -> str:
    """Raises SettingsError."""
    password = _keyring("get_password", name)
    if password is None:
        raise SettingsError.saying(
            f"the keyring has no password for the context {name!r}",
            hint=f"`ferry context add {name} --replace --keyring` asks for it",
        )
    return password


def store(name: str, password: str) -> None:
    """Raises SettingsError."""
    _keyring("set_password", name, password)


def forget(name: str) -> None:
    """Raises SettingsError; not for a password that is not there."""
    if _keyring("get_password", name) is not None:
        _keyring("delete_password", name)


def _keyring(call: str, name: str, *arguments: str) -> str | None:
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        raise SettingsError.saying(
            "no keyring library is installed",
            hint="pip install 'ferry-client[cli,keyring]', or use --password-file",
        ) from None
    try:
        found: str | None = getattr(keyring, call)(SERVICE, name, *arguments)
    except Exception as error:  # noqa: BLE001 - each desktop's backend has errors of its own
        raise SettingsError.saying(
            "the keyring does not answer",
            detail=str(error) or type(error).__name__,
            hint="use --password-file",
        ) from None
    return found
