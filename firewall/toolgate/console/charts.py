"""Charts as SVG, drawn here: bars of counts and lines of values over time, and no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

WIDTH: Final = 640
HEIGHT: Final = 180
_LEFT: Final = 60
_RIGHT: Final = 8
_TOP: Final = 10
_BOTTOM: Final = 22
_STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of value over time; `style` is a class of the stylesheet. None is a gap."""

    name: str
    style: str
    values: Sequence[float | None]


def bars(title: str, labels: Sequence[str], series: Sequence[Series], unit: str = "") -> Markup:
    """Stacked bars, one for each label."""
    totals = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]
    scale = _Scale(max(totals, default=0), len(labels))
    parts: list[Markup] = []
    for at, label in enumerate(labels):
        base = 0.0
        for one in series:
            value = one.values[at] or 0
            if value:
                parts.append(_bar(scale, at, base, value, one, label))
            base += value
    return _chart(title, labels, scale, parts, series, unit)


def lines(title: str, labels: Sequence[str], series: Sequence[Series], unit: str = "") -> Markup:
    """A line for each series, broken where there is nothing."""
    highest = max((value for one in series for value in one.values if value is not None), default=0)
    scale = _Scale(highest, len(labels))
    parts: list[Markup] = []
    for one in series:
        for stretch in _stretches(one.values):
            points = " ".join(f"{scale.x(at + 0.5):.1f},{scale.y(value):.1f}" for at, value in stretch)
            if len(stretch) == 1:
                at, value = stretch[0]
                dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>')
                parts.append(dot.format(one.style, scale.x(at + 0.5), scale.y(value)))
            else:
                parts.append(Markup('<polyline class="line {}" points="{}"/>').format(one.style, points))
    return _chart(title, labels, scale, parts, series, unit)


class _Scale:
    """Where a value stands in the picture."""

    def __init__(self, highest: float, count: int) -> None:
        self.top = _nice(highest)
        self._step = (WIDTH - _LEFT - _RIGHT) / max(1, count)

    def x(self, at: float) -> float:
        return _LEFT + at * self._step

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / self.top

    def width(self) -> float:
        return max(1.0, self._step - 2)


def _nice(value: float) -> float:
    """A round number not below the value."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 < value:
        power *= 10
    while power >= value:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= value)


def _bar(scale: _Scale, at: int, base: float, value: float, one: Series, label: str) -> Markup:
    top, bottom = scale.y(base + value), scale.y(base)
    told = f"{label} {one.name}: {value:g}"
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(one.style, scale.x(at) + 1, top, scale.width(), bottom - top, told)


def _stretches(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    found: list[list[tuple[int, float]]] = []
    before = False
    for at, value in enumerate(values):
        if value is not None:
            if not before:
                found.append([])
            found[-1].append((at, value))
        before = value is not None
    return found


def _chart(
    title: str,
    labels: Sequence[str],
    scale: _Scale,
    parts: Sequence[Markup],
    series: Sequence[Series],
    unit: str,
) -> Markup:
    """The picture with its axes, and a sentence for those who do not see it."""
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        WIDTH, HEIGHT, f"{title}. {_spoken(series, unit)}"
    )
    grid: list[Markup] = []
    for share in (0.0, 0.5, 1.0):
        value = scale.top * share
        y = scale.y(value)
        rule = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        grid.append(rule.format(_LEFT, WIDTH - _RIGHT, y, y))
        text = Markup('<text class="axis" x="{}" y="{:.1f}" text-anchor="end">{}</text>')
        grid.append(text.format(_LEFT - 6, y + 4, f"{value:g}{unit if share else ''}"))
    for at in _shown_labels(len(labels)):
        text = Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        grid.append(text.format(scale.x(at + 0.5), HEIGHT - 6, labels[at]))
    return head + Markup("").join([*grid, *parts]) + Markup("</svg>")


def _shown_labels(count: int) -> list[int]:
    """Which labels fit below."""
    return list(range(0, count, max(1, count // 6))) if count else []


def _spoken(series: Sequence[Series], unit: str) -> str:
    """The newest value of each series, in words."""
    told: list[str] = []
    for one in series:
        known = [value for value in one.values if value is not None]
        told.append(f"{one.name}: {f'{known[-1]:g}{unit}' if known else 'nothing'}")
    return "Newest values: " + ", ".join(told) + "."
