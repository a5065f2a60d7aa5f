import os
import time
from pathlib import Path

from tools.sandbox.housekeeping import mark, sweep


def _old(path: Path, days: float) -> Path:
    then = time.time() - days * 86400
    os.utime(path, (then, then))
    return path


def test_only_what_nobody_used_for_long_is_deleted(tmp_path: Path) -> None:
    for name in ("used", "unused"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        _old(tmp_path / name, 31)
    (tmp_path / "archive.tar").touch()
    _old(tmp_path / "archive.tar", 31)
    (tmp_path / "young").touch()
    mark([tmp_path / "used", tmp_path / "absent"])
    sweep(tmp_path, 30)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used", "young"]
    sweep(tmp_path / "absent")
