"""What a scrape of a consumer says of the application."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.workloads.consumer.test_settings import made
from workloads.common.metrics import exposition, registry
from workloads.common.states import State
from workloads.handling.metrics import ConsumerMetrics


@pytest.mark.parametrize("processing", ["none", "checksum"])
def test_version_image_and_processing_are_told(processing: str) -> None:
    figures = SimpleNamespace(stalls=0, consumed_rate=SimpleNamespace(rate=lambda *_: 0.0))
    loop: Any = SimpleNamespace(ready=True, figures=figures)
    worker: Any = SimpleNamespace(handled=2, failed=0, checksum=4711)
    control: Any = SimpleNamespace(truth=SimpleNamespace(lifecycle=SimpleNamespace(state=State.PAUSED, epoch=3)))
    space: Any = SimpleNamespace(removed=0)
    settings = made(version="1.7", image="registry/app:1.7", processing=processing)
    metrics = ConsumerMetrics(settings, loop, worker, control, space)

    def some() -> Any:
        yield from metrics._lifecycle()
        records = metrics._records()
        yield from (next(records) for _ in range(4))

    text = exposition(registry(some)).payload().decode()
    labels = 'color="blue",image="registry/app:1.7",pod="consumer-blue-2",'
    assert f'bg_consumer_info{{{labels}processing="{processing}",strategy="x",version="1.7"}} 1.0' in text
    assert ("bg_consumer_checksum{" in text) == (processing == "checksum")
