"""The registry's certificate, and the user whom it knows."""

import subprocess
from pathlib import Path

import pytest

from lab import registry
from lab.checkout import Checkout
from lab.steps import Steps


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A checkout's folder with a certificate."""
    with Steps(tmp_path / "log", {}).step("registry") as step:
        registry.trust(step, Checkout(tmp_path))
    return tmp_path / ".lab" / "registry"


def test_the_certificate_is_good_for_both_names_and_the_authority_signs_no_further_one(made: Path) -> None:
    certificate = made / "server" / "registry.crt"
    for name in (("-verify_hostname", registry.NAME), ("-verify_ip", "127.0.0.1")):
        authority = registry.authority(Checkout(made.parents[1]))
        done = subprocess.run(["openssl", "verify", "-CAfile", authority, *name, certificate], check=False)
        assert done.returncode == 0
    assert sorted(path.name for path in made.rglob("*") if path.is_file()) == [
        *("ca.crt", "htpasswd", "registry.crt", "registry.key")
    ]


def test_it_is_made_once(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    with Steps(made / "log", {}).step("registry") as step:
        trusted = registry.trust(step, Checkout(made.parents[1]))
    assert trusted == made / "trust"
    assert {path: path.read_bytes() for path in before} == before


def test_nobody_else_reads_the_key(made: Path) -> None:
    assert (made / "server").stat().st_mode & 0o777 == 0o700
