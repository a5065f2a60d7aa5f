"""What the configuration puts in the place of the broker's own settings."""

from components.broker_properties import merged

TEXT = "# why\na.b=1\na.b.c=2\n\nz=3\n"


def test_a_value_stands_once_and_in_place_of_the_files_own() -> None:
    lines = merged(TEXT, {"a.b": 7, "new": True}).splitlines()
    assert [line for line in lines if "=" in line] == ["a.b.c=2", "z=3", "a.b=7", "new=true"]
    assert "# why" in lines


def test_nothing_given_changes_nothing() -> None:
    assert merged(TEXT, {}) == TEXT


def test_a_backslash_is_no_escape() -> None:
    assert r"path=C:\\kafka" in merged(TEXT, {"path": "C:\\kafka"}).splitlines()
