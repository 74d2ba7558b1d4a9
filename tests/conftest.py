"""What every kind of test shares."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share the lab run one after the other, those of the platform beside those of the stand-ins."""
    for item in items:
        folder = item.path.parent.name
        if folder == "lab":
            item.add_marker(pytest.mark.lab)
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.xdist_group(folder))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the release tests measured, whichever process ran them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    measured = [str(value) for report in reports for key, value in report.user_properties if key == "load"]
    if measured:
        terminalreporter.section("requests during releases")
        for line in measured:
            terminalreporter.line(line)
