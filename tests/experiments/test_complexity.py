"""Words by figures."""

from pathlib import Path

import pytest

from experiments.complexity import Complexity, Word, commands, measure, parts_of, steps_of

PAGE = """# Strategy X

```sh
not counted
```

## 4.2 Switch

```sh
# a comment is none
pulumi config set active green
pulumi up \\
    --yes

# Switch
kubectl get kcs
```

```
output of it
```

## Roll back

```sh
pulumi up
```

## 4.4 A switch that fails

```sh
kubectl delete pod x
```
"""


@pytest.mark.parametrize(
    ("lines", "parts", "steps", "to_build", "to_run"),
    [
        (199, 3, 7, "low", "low"),
        (200, 4, 7, "medium", "medium"),
        (999, 3, 8, "medium", "medium"),
        (1000, 6, 1, "high", "high"),
        (0, None, 16, "low", "high"),
        (0, 5, None, "low", "medium"),
        (0, None, None, "low", None),
    ],
)
def test_the_words(lines: int, parts: int | None, steps: int | None, to_build: Word, to_run: Word | None) -> None:
    found = Complexity(lines, parts, steps)
    assert (found.to_build, found.to_run) == (to_build, to_run)


def test_the_measure_is_told_with_its_limits() -> None:
    assert "own lines: medium from 200 on, high from 1000 on" in measure()


TEST_BED = ("kafka", "victoriametrics", "victorialogs", "producer", "topic", "recorder")


def test_the_programs_of_a_switch_are_told_by_a_run() -> None:
    ran = {f"image {name}": "x" for name in (*TEST_BED, "consumer", "sidecar", "controller")}
    assert parts_of({**ran, "rate": 100}) == 3
    assert parts_of({"rate": 100}) is None


def test_what_watches_a_run_takes_no_part_in_its_switches() -> None:
    """Nor what nobody has thought of yet: which programs take part is said, not which do not."""
    of_a_switch = {f"image {name}": "x" for name in ("consumer", "sidecar", "controller")}
    watched = {**of_a_switch, "image vmalert": "x", "image victorialogs": "x", "image something-new": "x"}
    assert parts_of(watched) == 3
    assert parts_of({**of_a_switch, "image kafka-connect": "x", "image connect-operator": "x"}) == 5


def test_the_commands_there_and_back_are_counted(tmp_path: Path) -> None:
    assert commands(PAGE) == 4
    (tmp_path / "04-strategy-b-by-hand.md").write_text(PAGE)
    (tmp_path / "05-strategy-e.md").write_text("# Nothing of it\n")
    assert [steps_of(page, tmp_path) for page in ("*strategy-b*.md", "*strategy-e*.md", "*strategy-x*.md", "")] == [
        4,
        None,
        None,
        None,
    ]
