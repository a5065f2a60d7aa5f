"""A stream that is not whole is never taken for a whole one: cut at every length, it is refused."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from experiments import records
from experiments.errors import CollectionError

FILES = {
    "produced/producer-0.ab.jsonl": b'{"seq":0}\n' * 1000,
    "events/consumer-blue-0.cd.jsonl": b'{"event":"PAUSED"}\n',
}


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w|gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def unpack(content: bytes, folder: Path) -> dict[str, bytes]:
    file = folder / "pod.tar.gz"
    file.write_bytes(content)
    target = folder / "logs"
    target.mkdir(exist_ok=True)
    return {
        str(found.relative_to(target)): zstandard.ZstdDecompressor().decompressobj().decompress(found.read_bytes())
        for found in records.unpack(file, target)
    }


def test_a_whole_stream_is_unpacked_and_compressed(tmp_path: Path) -> None:
    assert unpack(archive(FILES), tmp_path) == {f"{name}.zst": content for name, content in FILES.items()}


def test_a_pod_without_records_is_fine(tmp_path: Path) -> None:
    assert unpack(archive({}), tmp_path) == {}


def test_a_stream_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = archive(FILES)
    for length in range(len(whole)):
        with pytest.raises(CollectionError, match=r"pod\.tar\.gz"):
            unpack(whole[:length], tmp_path)


@pytest.mark.parametrize("missing", [1, 512, 1024, 5000])
def test_a_tar_without_its_end_is_refused_even_in_a_whole_gzip(tmp_path: Path, missing: int) -> None:
    plain = gzip.decompress(archive(FILES)).rstrip(b"\0")
    content = plain + b"\0" * (512 - len(plain) % 512)
    assert len(content) % 512 == 0
    with pytest.raises(CollectionError):
        unpack(gzip.compress(content[:-missing]), tmp_path)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "secrets/x.jsonl", "produced/../../x.jsonl", "x.jsonl", "events/a/b.jsonl"]
)
def test_only_record_logs_are_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(CollectionError, match="no record log"):
        unpack(archive({name: b"x"}), tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"error: unable to upgrade connection", gzip.compress(b"no tar"), gzip.compress(b"")],
    # A compressed text has the time in it: as a name it would be another one in each of pytest-xdist's workers.
    ids=["empty", "an error", "no tar", "nothing"],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CollectionError):
        unpack(content, tmp_path)


def test_a_cut_stream_is_copied_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = archive(FILES)
    streams = [whole[:-10], whole]

    def execute(
        _namespace: str, _pod: str, _container: str, _command: list[str], *, output: Path, seconds: float
    ) -> None:
        output.write_bytes(streams.pop(0))

    monkeypatch.setattr(records, "execute", execute)
    monkeypatch.setattr("time.sleep", lambda _: None)
    found = records.export(
        "strategy-c", "producer-0", "producer", ["--producer", "p"], scratch=tmp_path, target=tmp_path / "logs"
    )
    assert [file.name for file in found] == ["producer-0.ab.jsonl.zst", "consumer-blue-0.cd.jsonl.zst"]
    assert not list(tmp_path.glob("*.tar.gz"))

    streams[:] = [whole[:-10]] * 3
    with pytest.raises(CollectionError):
        records.export("strategy-c", "producer-0", "producer", [], scratch=tmp_path, target=tmp_path / "logs")
    assert streams == []


def test_the_lines_of_a_run_are_read_file_by_file(tmp_path: Path) -> None:
    files = {
        "p-0.ab.jsonl": b'{"n":1}\n{"n":2}\n',
        "p-0.ab.0001.jsonl": b'{"n":3}\n{"torn',
        "p-0.abc.jsonl": b'{"n":4}\n',
    }
    (tmp_path / "consumed").mkdir()
    for name, content in files.items():
        records.write_compressed(tmp_path / "consumed" / f"{name}.zst", content)
    assert sorted(line["n"] for line in records.objects(tmp_path, "consumed")) == [1, 2, 3, 4]
    assert sorted(line["n"] for line in records.objects(tmp_path, "consumed", "p-0.ab")) == [1, 2, 3]
    assert list(records.objects(tmp_path, "events")) == []
