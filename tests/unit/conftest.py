"""The program, run once for all tests that only look."""

import pytest

from tests.unit.program import Recorder, run


@pytest.fixture(scope="session")
def recorded() -> Recorder:
    return run()
