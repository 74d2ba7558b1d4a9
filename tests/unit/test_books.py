"""What the operator's book quotes is what the code says, and the tests that it names are there."""

import re
from pathlib import Path

import pytest
import yaml

from config.load import build
from tests.documents import ROOT, blocks, text, tracked
from tests.unit.program import HOST

SAYS = [Path(name) for name in tracked() if re.match(r"(components|config|ops)/.*\.(py|sh|mjs|yaml)$", name)]
SOURCES = "\n".join((ROOT / path).read_text() for path in SAYS)


def column(page: str, heading: str) -> list[str]:
    """The first cells of the table whose first column has this heading."""
    lines = iter(text(page).splitlines())
    assert any(line.startswith(f"| {heading} |") for line in lines), heading
    next(lines)
    rows: list[str] = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(line.split(" | ")[0].removeprefix("| "))
    return rows


@pytest.mark.parametrize("heading", ["it says", "what it says", "`reason`"])
def test_messages_are_those_of_the_code(heading: str) -> None:
    quoted = [said for cell in column("docs/RUNBOOKS.md", heading) for said in re.findall(r"`([^`]+)`", cell)]
    assert len(quoted) > 5
    parts = [part for said in quoted for part in re.split(r"; |^…|…$", said) if part]
    assert [part for part in parts if part not in SOURCES] == []


def test_what_each_measure_is_proved_by_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text("docs/SECURITY.md"))
    assert len(named) == len(column("docs/SECURITY.md", "threat")), "one for each threat"
    for path, test in named:
        assert path in tracked(), path
        assert f"def {test}(" in (ROOT / path).read_text(), f"{path}::{test}"


def test_the_service_that_is_shown_can_be_deployed() -> None:
    (shown,) = (block for block in blocks("CONTRIBUTING.md") if block.language == "yaml")
    services = yaml.safe_load(shown.text)["config"]["a4co:services"]
    platform = build("test", {"host": HOST, "environment": "development", "services": services}).platform
    assert set(services) < set(platform.services)


def test_what_is_run_elsewhere_is() -> None:
    reasons = [block.not_run for page in ("docs/RUNBOOKS.md", "docs/SECURITY.md") for block in blocks(page)]
    named = [path for reason in reasons for path in re.findall(r"tests/[\w/.]+\.py", reason or "")]
    assert named
    assert set(named) <= tracked()
