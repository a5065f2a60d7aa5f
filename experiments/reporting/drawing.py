"""Small drawings as SVG, the same bytes for the same values on every machine.

Our own, for what a plotting library writes is ten times as large and changes with its version, and each report's
pictures stay in git's history.
"""

from collections.abc import Iterable, Sequence
from html import escape

BLUE, GREEN, GREY, INK, LIGHT = "#2b6cb0", "#2f855a", "#a0aec0", "#2d3748", "#e2e8f0"
_FONT = 'font-family="sans-serif" font-size="11"'
#: Steps of an axis, each the least that leaves few enough of them.
_STEPS = (1, 2, 5)
_TICKS = 6
_WIDTH = 720


class Drawing:
    """A picture with one pair of axes. Values go in, in the axes' own units; the origin is at the lower left."""

    def __init__(
        self, title: str, *, x: tuple[float, float], y: tuple[float, float], height: int = 240, left: int = 70
    ):
        self._width, self._height, self._x, self._y = _WIDTH, height, x, y
        self._left, self._right, self._top, self._bottom = left, 16, 28, 36
        self._parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
                f'viewBox="0 0 {_WIDTH} {height}" {_FONT} fill="{INK}">'
            ),
            f"<title>{escape(title)}</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="{self._left}" y="17" font-weight="bold">{escape(title)}</text>',
        ]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a value is drawn, in pixels."""
        (x0, x1), (y0, y1) = self._x, self._y
        wide, high = self._width - self._left - self._right, self._height - self._top - self._bottom
        return (
            round(self._left + wide * (x - x0) / ((x1 - x0) or 1), 1),
            round(self._height - self._bottom - high * (y - y0) / ((y1 - y0) or 1), 1),
        )

    def axes(self, x_name: str, y_name: str, *, names: Sequence[str] = ()) -> None:
        """Both axes with their ticks. names: of the rows 0, 1, … where the vertical one has rows and no values."""
        for value in _ticks(*self._x):
            x, bottom = self.at(value, self._y[0])
            self._line(x, self._top, x, bottom, LIGHT)
            self._text(x, bottom + 14, f"{value:g}", "middle")
        rows: list[tuple[float, str]] = [*enumerate(names)] or [(v, f"{v:g}") for v in _ticks(*self._y)]
        for place, name in rows:
            left, y = self.at(self._x[0], place)
            if not names:
                self._line(left, y, self._width - self._right, y, LIGHT)
            self._text(left - 6, y + 4, name, "end")
        self._text(self._width - self._right, self._height - 6, x_name, "end")
        self._text(self._width - self._right, 17, y_name, "end")

    def line(self, points: Iterable[tuple[float, float]], color: str) -> None:
        """A line through values."""
        drawn = " ".join(f"{x:g},{y:g}" for x, y in (self.at(*point) for point in points))
        self._parts.append(f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="1.5"/>')

    def dots(self, points: Iterable[tuple[float, float]], color: str) -> None:
        """A dot for each value. One path for all of them: a line without a length has round ends."""
        drawn = "".join(f"M{x:g},{y:g}h0" for x, y in (self.at(*point) for point in points))
        self._parts.append(
            f'<path d="{drawn}" stroke="{color}" stroke-width="5" stroke-linecap="round" stroke-opacity="0.7"/>'
        )

    def upright(self, x: float, color: str, name: str = "", *, level: int = 0) -> None:
        """A vertical line at a value. level: how many lines below the top its name stands."""
        left, bottom = self.at(x, self._y[0])
        self._line(left, self._top, left, bottom, color, dashed=True)
        if name:
            self._text(left + 3, self._top + 9 + 11 * level, name, "start")

    def bar(self, x0: float, x1: float, row: float, color: str, *, faint: bool = False) -> None:
        """A bar along a row, from one value to another."""
        (left, y), (right, _) = self.at(x0, row), self.at(x1, row)
        shade = ' fill-opacity="0.35"' if faint else ""
        wide = max(round(right - left, 1), 0.5)
        self._parts.append(f'<rect x="{left:g}" y="{y - 5:g}" width="{wide:g}" height="10" fill="{color}"{shade}/>')

    def svg(self) -> str:
        return "\n".join([*self._parts, "</svg>", ""])

    def _line(self, x0: float, y0: float, x1: float, y1: float, color: str, *, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="3 3"' if dashed else ""
        self._parts.append(f'<line x1="{x0:g}" y1="{y0:g}" x2="{x1:g}" y2="{y1:g}" stroke="{color}"{dash}/>')

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        self._parts.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>')


def _ticks(low: float, high: float) -> list[float]:
    """Round values between two, few of them."""
    span = (high - low) or 1
    power = 10.0**-6
    while True:
        for step in _STEPS:
            if span / (step * power) <= _TICKS:
                first = -int(-low // (step * power)) if low % (step * power) else int(low // (step * power))
                return [round(n * step * power, 6) for n in range(first, int(high // (step * power)) + 1)]
        power *= 10
