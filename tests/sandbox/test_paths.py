from pathlib import Path

import pytest

from tools.sandbox.errors import SandboxError
from tools.sandbox.paths import DEFAULT_PORT, Layout


def test_cache_folder_is_the_named_one_then_xdg_then_home() -> None:
    both = {"KAFKA_BLUEGREEN_CACHE": "/a", "XDG_CACHE_HOME": "/b"}
    assert Layout.from_environment(both).cache == Path("/a")
    assert Layout.from_environment({"XDG_CACHE_HOME": "/b"}).cache == Path("/b/kafka-bluegreen")
    assert Layout.from_environment({}).cache == Path.home() / ".cache" / "kafka-bluegreen"


def test_relative_cache_folder_is_refused() -> None:
    with pytest.raises(SandboxError, match="KAFKA_BLUEGREEN_CACHE"):
        Layout.from_environment({"KAFKA_BLUEGREEN_CACHE": "here"})


def test_port_is_taken_from_the_environment() -> None:
    assert Layout.from_environment({}).port == DEFAULT_PORT
    assert Layout.from_environment({"KAFKA_BLUEGREEN_PORT": "17000"}).server == "https://127.0.0.1:17000"


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "https", "16443 ", "١٦"])
def test_what_is_no_port_is_refused_by_name(port: str) -> None:
    with pytest.raises(SandboxError, match="KAFKA_BLUEGREEN_PORT"):
        Layout.from_environment({"KAFKA_BLUEGREEN_PORT": port})
