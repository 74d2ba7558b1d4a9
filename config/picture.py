"""The architecture's drawing as SVG. A network is a field; what is on two of them stands where both fields are."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from config.drawing import LANES, MEANINGS, Arrow, Box, Drawing
from config.service import NetworkName

_SAYS = "Who is on which network, and who talks to whom"
_MARGIN, _TOP, _HEIGHT, _LINE, _PADDING, _GAP, _ROOM = 26, 92, 560, 15, 9, 18, 72
_CHARACTER = 6.3  # width of one, at the size of a fact
# Light, and dark: whoever shows the picture may not know what is around it, so it brings its own ground.
_INKS = ("ground", "ink", "pale", "frontend", "backend", "data", "out")
_LIGHT = dict(zip(_INKS, ("#fff", "#1f2328", "#59636e", "#0969da", "#8250df", "#1a7f37", "#bc4c00"), strict=True))
_DARK = dict(zip(_INKS, ("#0d1117", "#f0f6fc", "#9198a1", "#4493f8", "#ab7df8", "#3fb950", "#f0883e"), strict=True))
_STYLE = """\
svg{{font:12px system-ui,"Segoe UI",sans-serif}}
text{{fill:{ink}}}
.fact{{fill:{pale};font-size:11px}}
.name{{font-weight:600}}
.ground,.box{{fill:{ground};stroke:{pale}}}
.field{{fill-opacity:.1;stroke-opacity:.6}}
.field.frontend{{fill:{frontend};stroke:{frontend}}}
.field.backend{{fill:{backend};stroke:{backend}}}
.field.data{{fill:{data};stroke:{data}}}
path{{fill:none;stroke-width:1.5}}
path.request{{stroke:{ink}}}
path.call{{stroke:{backend};stroke-dasharray:5 3}}
path.data{{stroke:{data}}}
path.out{{stroke:{out}}}
polygon.request{{fill:{ink}}}
polygon.call{{fill:{backend}}}
polygon.data{{fill:{data}}}
polygon.out{{fill:{out}}}
"""


@dataclass(frozen=True)
class _Place:
    """Where a box is."""

    x: float
    y: float
    width: float
    height: float
    lane: int
    number: int  # from above

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def svg(drawing: Drawing) -> str:
    """The whole file."""
    lanes = [(networks, boxes) for networks in LANES if (boxes := drawing.lane(networks))]
    height = max(_HEIGHT, *(sum(_height(box) + _GAP for box in boxes) for _, boxes in lanes))
    places: dict[str, _Place] = {}
    spans: dict[NetworkName, tuple[float, float]] = {}
    x = _MARGIN
    for lane, (networks, boxes) in enumerate(lanes):
        width = max(_width(box) for box in boxes)
        places |= {box.name: place for box, place in _stack(boxes, x, width, height, lane)}
        spans |= {part: (spans.get(part, (x, 0))[0], x + width) for part in networks}
        x += width + _ROOM
    right, bottom = x - _ROOM + _MARGIN, _TOP + height + 20
    size = f'viewBox="0 0 {right:.0f} {bottom + 54:.0f}" width="{right:.0f}" height="{bottom + 54:.0f}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{_SAYS}">',
        f"<style>\n{_STYLE.format(**_LIGHT)}@media(prefers-color-scheme:dark){{\n{_STYLE.format(**_DARK)}}}\n</style>",
        *_heads(),
        '<rect class="ground" width="100%" height="100%" rx="8"/>',
        f'<text class="name" x="{_MARGIN}" y="{_TOP - 40}">outside</text>',
        *(line for part, span in spans.items() for line in _field(drawing, part, span, bottom)),
        *(_arrow(arrow, places) for arrow in drawing.arrows),
        *(line for box in drawing.boxes for line in _box(box, places[box.name])),
        *_legend(bottom + 34),
        "</svg>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _width(box: Box) -> float:
    return max(len(box.name) * 1.15, *(len(fact) for fact in box.facts)) * _CHARACTER + 2 * _PADDING


def _height(box: Box) -> float:
    return (1 + len(box.facts)) * _LINE + _PADDING


def _stack(boxes: list[Box], x: float, width: float, height: float, lane: int) -> Iterator[tuple[Box, _Place]]:
    """Boxes above each other. Where the way in and the way out begin, from top to bottom; else around the middle."""
    free = height - sum(_height(box) for box in boxes)
    ends = len(boxes) > 1 and boxes[0].name in ("visitors", "nginx")
    gap = free / (len(boxes) - 1 if ends else len(boxes) + 1)
    y = _TOP + (0 if ends else gap)
    for number, box in enumerate(boxes):
        yield box, _Place(x, y, width, _height(box), lane, number)
        y += _height(box) + gap


def _field(drawing: Drawing, part: NetworkName, span: tuple[float, float], bottom: float) -> Iterator[str]:
    (left, right), inset = span, 10 if part == "backend" else 0  # neighbours overlap: their edges do not
    name, reach = drawing.titles[part]
    yield (
        f'<rect class="field {part}" x="{left - 14:.0f}" y="{_TOP - 62 - inset}" rx="10" '
        f'width="{right - left + 28:.0f}" height="{bottom - _TOP + 62 + 2 * inset:.0f}"/>'
    )
    yield f'<text class="name" x="{left:.0f}" y="{_TOP - 40}">{name}</text>'
    yield f'<text class="fact" x="{left:.0f}" y="{_TOP - 25}">{reach}</text>'


def _box(box: Box, at: _Place) -> Iterator[str]:
    yield (f'<rect class="box" x="{at.x:.0f}" y="{at.y:.0f}" width="{at.width:.0f}" height="{at.height:.0f}" rx="5"/>')
    for number, (kind, text) in enumerate([("name", box.name), *(("fact", fact) for fact in box.facts)]):
        y = at.y + _PADDING / 2 + (number + 0.75) * _LINE
        yield f'<text class="{kind}" x="{at.x + _PADDING:.0f}" y="{y:.0f}">{escape(text)}</text>'


def _arrow(arrow: Arrow, places: dict[str, _Place]) -> str:
    """From side to side; within a lane down to the next one, or around those between."""
    start, end = places[arrow.start], places[arrow.end]
    if start.lane == end.lane and start.number + 1 == end.number:
        centre = start.x + start.width / 2
        return _path(arrow, f"M{centre:.0f} {start.y + start.height:.0f}V{end.y:.0f}")
    if start.lane == end.lane:
        right = arrow.kind == "data"
        x1 = x2 = start.x + (start.width if right else 0)
        reach = turn = 44 if right else -44
    else:
        right = start.lane < end.lane
        x1, x2 = (start.x + start.width, end.x) if right else (start.x, end.x + end.width)
        reach = max(40.0, abs(x2 - x1) / 2) * (1 if right else -1)
        turn = -reach
    y1, y2 = start.middle, end.middle
    return _path(arrow, f"M{x1:.0f} {y1:.0f}C{x1 + reach:.0f} {y1:.0f} {x2 + turn:.0f} {y2:.0f} {x2:.0f} {y2:.0f}")


def _path(arrow: Arrow, curve: str) -> str:
    return f'<path class="{arrow.kind}" marker-end="url(#{arrow.kind})" d="{curve}"/>'


def _legend(y: float) -> Iterator[str]:
    x = float(_MARGIN)
    for kind, meaning in MEANINGS.items():
        yield f'<path class="{kind}" marker-end="url(#{kind})" d="M{x:.0f} {y - 4:.0f}h34"/>'
        yield f'<text class="fact" x="{x + 42:.0f}" y="{y:.0f}">{meaning}</text>'
        x += 42 + len(meaning) * _CHARACTER + 24


def _heads() -> Iterator[str]:
    """The heads of arrows, one of each colour."""
    yield "<defs>"
    for kind in MEANINGS:
        yield (
            f'<marker id="{kind}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<polygon class="{kind}" points="0,0 8,4 0,8"/></marker>'
        )
    yield "</defs>"
