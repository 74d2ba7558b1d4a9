"""The drawing has everybody, leads where the configuration says, and stays readable with another catalogue."""

import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from config.drawing import Arrow, Drawing, draw, mermaid, section
from config.load import build, shipped
from config.picture import svg
from tests.unit.program import HOST

BIG = {**HOST, "cpus": 64, "memory": "64GB"}
SVG = "{http://www.w3.org/2000/svg}"


def drawing(**services: object) -> Drawing:
    return draw(build("test", {"host": BIG, "environment": "development", "services": services}).platform)


def test_everybody_is_there_once_and_nobody_talks_to_a_stranger() -> None:
    shown = draw(shipped())
    names = [box.name for box in shown.boxes]
    assert set(shipped().services) | {"visitors", "nginx", "postgres", "nats", "redis"} <= set(names)
    assert len(names) == len(set(names))
    assert {end for arrow in shown.arrows for end in (arrow.start, arrow.end)} == set(names)


def test_an_arrow_never_jumps_a_network() -> None:
    """Who talks shares a network, or is outside of the host."""
    shown = draw(shipped())
    networks = {box.name: set(box.networks) for box in shown.boxes}
    for arrow in shown.arrows:
        outside = not (networks[arrow.start] and networks[arrow.end])
        # A call by name goes to nginx, which is on the backend network as both are.
        assert outside or networks[arrow.start] & networks[arrow.end], arrow


@pytest.mark.parametrize(
    ("change", "arrow"),
    [
        ({"routes": [{"path": "/search/"}]}, Arrow("nginx", "search", "request")),
        ({"variables": {"ORDER_SERVICE_URL": "http://order-service:3000"}}, Arrow("search", "order-service", "call")),
        ({"redis": "search"}, Arrow("search", "redis", "data")),
        ({"egress": ["search.example.com:8443"]}, Arrow("search-egress", "search.example.com:8443", "out")),
    ],
)
def test_what_is_configured_is_drawn(change: dict[str, object], arrow: Arrow) -> None:
    entry = {"image": f"example.org/search@sha256:{'a' * 64}", "port": 8090}
    assert arrow not in drawing(search=entry).arrows
    assert arrow in drawing(search={**entry, **change}).arrows


def test_networks_without_a_lane_are_named() -> None:
    entry = {"image": f"example.org/search@sha256:{'a' * 64}", "port": 8090, "networks": ["data", "frontend"]}
    with pytest.raises(ValueError, match="the networks of search: add one to LANES"):
        drawing(search=entry)


def test_boxes_stay_in_the_picture_and_do_not_touch_however_many_there_are() -> None:
    one = {"image": f"example.org/one@sha256:{'a' * 64}", "port": 8090, "networks": ["backend"]}
    shown = drawing(**{f"one-{number}": one for number in range(30)})
    root = ET.fromstring(svg(shown))  # noqa: S314 - our own
    shape = {key: float(root.attrib[key]) for key in ("width", "height")}
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for rect in root.iter(f"{SVG}rect")
        if rect.attrib["class"] == "box"
    ]
    assert len(boxes) == len(shown.boxes) > 40
    assert all(x > 0 and y > 0 and x + w < shape["width"] and y + h < shape["height"] for x, y, w, h in boxes)
    for (x1, y1, w1, h1), (x2, y2, w2, h2) in combinations(boxes, 2):
        assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


def test_the_page_around_the_drawing_stays() -> None:
    shown = draw(shipped())
    once = section("before\n<!-- drawing -->\nold\n<!-- /drawing -->\nafter\n", shown)
    assert once == f"before\n<!-- drawing -->\n```mermaid\n{mermaid(shown)}```\n<!-- /drawing -->\nafter\n"
    assert section(once, shown) == once
