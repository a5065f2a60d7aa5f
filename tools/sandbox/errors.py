"""The one error that the command line turns into a message and exit code 1."""


class SandboxError(Exception):
    """Something is wrong that the person at the keyboard can do something about; the message says what."""
