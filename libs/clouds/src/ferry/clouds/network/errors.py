"""An environment variable with an unusable value."""


class NetworkSettingError(ValueError):
    """One line that names the variable and what to do; a proxy's URL, which may hold a password, is not in it."""

    def __init__(self, variable: str, wrong: str) -> None:
        super().__init__(f"{variable}: {wrong}")
        self.variable = variable
