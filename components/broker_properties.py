"""The broker's `server.properties`: the project's own, and what the configuration puts in its place."""

from collections.abc import Mapping

from components.settings.types import ClientValue


def merged(text: str, given: Mapping[str, ClientValue]) -> str:
    """The file with the values given: each in place of the file's own, the others at its end.

    text: a properties file of lines `name=value` and comments. Numbers and booleans as Kafka reads them; a backslash in
    a value is escaped, for it would be an escape itself (java.util.Properties).
    """
    kept = [line for line in text.splitlines() if line.partition("=")[0] not in given]
    added = [f"{name}={_value(value)}" for name, value in sorted(given.items())]
    return "\n".join([*kept, *(["", "# Of the configuration's key kafkaConfig.", *added] if added else [])]) + "\n"


def _value(value: ClientValue) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("\\", "\\\\")
