"""What every kind of test shares."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the test that never ends on its own goes on."""
    parser.addoption("--interruptions", type=int, default=2, help="releases that are cut off at a random moment")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the lab takes longest and begins first: what looks at its stack, then what changes it."""

    def place(item: pytest.Item) -> int:
        if item.path.parent.name != "lab":
            return 2
        item.add_marker(pytest.mark.lab)
        return int("laid_over" in getattr(item, "fixturenames", ()))

    items.sort(key=place)


class Rooms(LoadScopeScheduling):
    """Tests that share the lab run one after the other, for what one leaves there for a moment another one sees."""

    def _split_scope(self, nodeid: str) -> str:
        return "lab" if nodeid.startswith(("tests/lab/", "tests/plugins/test_lab")) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms:
    """The rooms decide which process runs a test."""
    return Rooms(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the release tests measured, whichever process ran them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    measured = [str(value) for report in reports for key, value in report.user_properties if key == "load"]
    if measured:
        terminalreporter.section("requests during releases")
        for line in measured:
            terminalreporter.line(line)
