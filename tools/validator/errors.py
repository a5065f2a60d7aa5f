"""Why an input cannot be judged."""


class FormatError(ValueError):
    """One line is not of the format; the message says what is wrong with it."""


class InputError(Exception):
    """The input cannot be judged (exit code 2).

    ``file`` and ``line`` (counted from 1) name the place, where there is one.
    """

    def __init__(self, reason: str, file: str | None = None, line: int | None = None) -> None:
        self.reason = reason
        self.file = file
        self.line = line
        place = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(place + reason)
