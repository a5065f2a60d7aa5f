"""The wall clock of one process, stepped: of that process alone, and never the machine's.

A process asks for the time by code that the kernel maps into it, the vDSO
(https://man7.org/linux/man-pages/man7/vdso.7.html). There its own copy of that code is replaced, for as long as the
fault lasts, by a call of the kernel and a number that is added to the seconds of the answer; the monotonic clock is
left alone. It needs root, nothing in the image, and no other beginning of the process.

The kernel's own timers know nothing of it, so a wait until a time of the wall clock ends by the real one. A step back
makes such a wait end early, as a real step forward does; a step forward would make it too long by all of the step. So
clocks are stepped back here.
"""

import ctypes
import platform
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from io import FileIO
from pathlib import Path

from experiments import freezing
from experiments.errors import DeadlineError, PreconditionError

_MACHINE = "x86_64"
_AT_SYSINFO_EHDR = 33
_DYNAMIC_SYMBOLS = 11
_STOP_SECONDS, _POLL_SECONDS = 5.0, 0.002
_TRIES = 50
_ENDED = frozenset("ZX")

#: The code of each call, before and behind the number of seconds: what the kernel answers, and that added where a wall
#: clock was asked for (clock_gettime: CLOCK_REALTIME and CLOCK_REALTIME_COARSE).
_CODE = {
    "__vdso_clock_gettime": (
        bytes.fromhex("f30f1efa b8e4000000 0f05 85c0 7516 83ff05 7404 85ff 750d 48b9"),
        bytes.fromhex("48010e c3"),
    ),
    "__vdso_gettimeofday": (
        bytes.fromhex("f30f1efa b860000000 0f05 85c0 7512 4885ff 740d 48b9"),
        bytes.fromhex("48010f c3"),
    ),
    "__vdso_time": (bytes.fromhex("f30f1efa b8c9000000 0f05 48b9"), bytes.fromhex("4801c8 4885ff 7403 488907 c3")),
}


@dataclass(frozen=True, slots=True)
class _Code:
    """What the kernel maps: all of it, and where in it each call is, with its length."""

    image: bytes
    calls: dict[str, tuple[int, int]]


@contextmanager
def stepped(pid: int, seconds: int) -> Iterator[None]:
    """The wall clock of a process is so many seconds (less than 0) behind within the block. Raises PreconditionError
    where that cannot be done: another machine than x86-64, no such process, or one whose clock is stepped already; and
    behind the block what `put_right` raises, of a process that is still there.
    """
    if seconds >= 0:
        raise ValueError("a clock is stepped back; see the module")
    if is_stepped(pid):
        raise PreconditionError(f"the clock of process {pid} is stepped already")
    process = freezing.identify(pid)
    _step(pid, seconds)
    try:
        yield
    finally:
        try:
            if _lives(process):
                put_right(pid)
        except PreconditionError:
            if _lives(process):  # who has ended meanwhile took its clock with it
                raise


def is_stepped(pid: int) -> bool:
    """Whether something is added to the time that a process asks for, or the code by which it asks is neither the
    kernel's nor ours. Raises PreconditionError.
    """
    return any(number != 0 for number in _numbers(pid).values())


def put_right(pid: int) -> None:
    """Nothing is added any more, from now on, and the code is the kernel's again if it can be: in a process that asks
    for the time without an end a thread may be in it at every look, and then the call stays that adds nothing. Raises
    PreconditionError, DeadlineError.
    """
    own = _own()
    kernels = {at: own.image[at : at + size] for at, size in own.calls.values()}
    if not (ours := _ours(pid)):
        _write(pid, kernels)
        return
    _write(pid, _sums(ours, 0), within=True)
    with suppress(DeadlineError):
        _write(pid, kernels)


def _step(pid: int, seconds: int) -> None:
    own = _own()
    if (ours := _ours(pid)) == list(own.calls):  # left by `put_right`
        _write(pid, _sums(ours, seconds), within=True)
    else:
        _write(pid, {at: _code(name, seconds) for name, (at, _) in own.calls.items()})


def _numbers(pid: int) -> dict[str, int | None]:
    """What is added to the answer of each call: 0 by the kernel's code; None where the code is nobody's we know."""
    own = _own()
    found: dict[str, int | None] = {}
    for name, code in _there(pid).items():
        at, size = own.calls[name]
        if code == own.image[at : at + size]:
            found[name] = 0
        else:
            found[name] = struct.unpack_from("<q", code, len(_CODE[name][0]))[0] if _is_ours(name, code) else None
    return found


def _there(pid: int) -> dict[str, bytes]:
    """The code of each call, as the process has it. Raises PreconditionError."""
    own = _own()
    base = _base(pid)
    with _memory(pid) as memory:
        memory.seek(base)
        image = memory.read(len(own.image))
    return {name: image[at : at + size] for name, (at, size) in own.calls.items()}


def _ours(pid: int) -> list[str]:
    """The calls whose code is ours."""
    return [name for name, code in _there(pid).items() if _is_ours(name, code)]


def _is_ours(name: str, code: bytes) -> bool:
    before, behind = _CODE[name]
    return code.startswith(before) and code[len(before) + 8 :].startswith(behind)


def _code(name: str, seconds: int) -> bytes:
    before, behind = _CODE[name]
    return before + struct.pack("<q", seconds) + behind


def _sums(names: Iterable[str], seconds: int) -> dict[int, bytes]:
    """The numbers of these calls alone, by their places in our code. Each is part of one instruction, which a thread
    has before it or behind it.
    """
    calls = _own().calls
    return {calls[name][0] + len(_CODE[name][0]): struct.pack("<q", seconds) for name in names}


def _write(pid: int, changes: dict[int, bytes], *, within: bool = False) -> None:
    """All of it while the process stands still, and none of its threads is in the midst of the kernel's code, which may
    call other parts of itself. One that another fault has stopped is not made to go on by this.

    within: a thread may be in the midst of it.
    """
    base = _base(pid)
    end = base + len(_own().image)
    process = freezing.identify(pid)
    for _ in range(_TRIES):
        with nullcontext() if freezing.stopped(process) else freezing.frozen([pid], _STOP_SECONDS):
            _wait_stopped(pid)
            places = [] if within else [_place(task) for task in _tasks(pid)]
            if not any(place is None or base <= place < end for place in places):
                with _memory(pid) as memory:
                    for at, code in changes.items():
                        memory.seek(base + at)
                        memory.write(code)
                return
        time.sleep(_POLL_SECONDS)
    raise DeadlineError(f"process {pid} not to ask for the time", _TRIES * _POLL_SECONDS, "one of its threads does")


def _wait_stopped(pid: int) -> None:
    """Until each of its threads stands still: they do one after the other."""
    ends = time.monotonic() + _STOP_SECONDS
    while going := [task for task in _tasks(pid) if not _stands(task)]:
        if time.monotonic() > ends:
            raise DeadlineError(f"process {pid} to stand still", _STOP_SECONDS, f"{len(going)} threads go on")
        time.sleep(_POLL_SECONDS)


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError as error:
        raise PreconditionError(f"there is no process {pid} any more") from error


def _stands(task: Path) -> bool:
    stat = freezing.Stat.of(int(task.name))
    return stat is None or stat.state == "T"


def _place(task: Path) -> int | None:
    """Where a thread is in its code: the last word of /proc/<pid>/task/<tid>/syscall; 0 for one that has ended, None
    for one that the kernel says to be running: it is still about to stand still.
    """
    try:
        last = (task / "syscall").read_text().split()[-1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except OSError as error:
        raise PreconditionError(f"where thread {task.name} is cannot be read: {error.strerror}") from error
    return None if last == "running" else int(last, 16)


def _lives(process: freezing.Process) -> bool:
    """Whether it is there, the very same one, and has not ended."""
    stat = freezing.Stat.of(process.pid)
    return stat is not None and stat.started == process.started and stat.state not in _ENDED


@contextmanager
def _memory(pid: int) -> Iterator[FileIO]:
    try:
        with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
            yield memory
    except OSError as error:
        raise PreconditionError(f"the memory of process {pid} cannot be changed: {error.strerror}") from error


def _base(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError as error:
        raise PreconditionError(f"there is no process {pid} any more") from error
    for line in lines:
        if line.endswith("[vdso]"):
            return int(line.partition("-")[0], 16)
    if not lines:
        raise PreconditionError(f"there is no process {pid} any more")
    raise PreconditionError(f"process {pid} has no vDSO: it asks the kernel itself")


@cache
def _own() -> _Code:
    """What the kernel maps into this process, which is what it maps into every one."""
    if platform.machine() != _MACHINE:
        raise PreconditionError(f"clocks of processes can be stepped on {_MACHINE} only, and this is another machine")
    address = ctypes.CDLL(None).getauxval
    address.restype, address.argtypes = ctypes.c_ulong, [ctypes.c_ulong]
    base = int(address(_AT_SYSINFO_EHDR))
    if not base:
        raise PreconditionError("this kernel has no vDSO")
    line = next(line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[vdso]"))
    first, last = (int(part, 16) for part in line.split()[0].split("-"))
    image = ctypes.string_at(base, last - first)
    return _Code(image, _calls(image))


def _calls(image: bytes) -> dict[str, tuple[int, int]]:
    """By the ELF's dynamic symbols (https://man7.org/linux/man-pages/man5/elf.5.html): place and size of each."""
    offset, (size, count) = struct.unpack_from("<Q", image, 0x28)[0], struct.unpack_from("<HH", image, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, offset + number * size) for number in range(count)]
    table = next(section for section in sections if section[1] == _DYNAMIC_SYMBOLS)
    names = sections[table[6]][4]
    found = {}
    for at in range(table[4], table[4] + table[5], 24):
        name, _, _, _, value, length = struct.unpack_from("<IBBHQQ", image, at)
        text = image[names + name :].split(b"\0", 1)[0].decode()
        if text in _CODE:
            found[text] = (value, length)
    if missing := [name for name in _CODE if len(_code(name, 0)) > found.get(name, (0, 0))[1]]:
        raise PreconditionError(f"this kernel's vDSO has no room for {', '.join(missing)}")
    return found
