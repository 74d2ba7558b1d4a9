import socket
import subprocess
import sys
import textwrap
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lab.checkout import Checkout, write


def test_two_checkouts_share_nothing(tmp_path: Path) -> None:
    one, other = Checkout(tmp_path / "one"), Checkout(tmp_path / "other")
    assert one.name != other.name
    assert not set(one.ports.values()) & set(other.ports.values())
    assert not IPv4Network(one.subnet).overlaps(IPv4Network(other.subnet))


def test_names_stay_when_asked_again(tmp_path: Path) -> None:
    first, again = Checkout(tmp_path), Checkout(tmp_path)
    assert (first.name, first.ports, first.subnet) == (again.name, again.ports, again.subnet)


@pytest.mark.parametrize("slot", [0, 255, 256, 999])
def test_every_slot_is_outside_what_others_use(tmp_path: Path, slot: int) -> None:
    checkout = Checkout(tmp_path)
    write(checkout.dir / "slot", str(slot))
    assert all(20000 <= port < 30000 for port in checkout.ports.values())
    subnet = IPv4Network(checkout.subnet)
    for used in ("172.16.0.0/12", "10.201.0.0/24", "10.202.0.0/16"):
        assert not subnet.overlaps(IPv4Network(used))


def test_a_taken_port_moves_the_checkout_on_and_the_choice_stays(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    suggested = checkout.slot
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", checkout.ports["http"]))
        taken.listen()
        checkout.take_slot()
    assert checkout.slot != suggested
    chosen = checkout.slot
    checkout.take_slot()
    assert checkout.slot == chosen


def test_write_is_whole_and_keeps_the_mode(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "file"
    write(target, "old")
    write(target, "new", 0o600)
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_second_run_waits_and_says_for_whom(tmp_path: Path) -> None:
    second = textwrap.dedent(f"""
        from pathlib import Path
        from lab.checkout import Checkout
        with Checkout(Path({str(tmp_path)!r})).lock("test", lambda holder: print("waits for", holder, flush=True)):
            print("has it", flush=True)
    """)
    with Checkout(tmp_path).lock("up", pytest.fail):
        process = subprocess.Popen([sys.executable, "-c", second], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline().startswith("waits for make up, process ")
    rest, _ = process.communicate(timeout=20)
    assert rest == "has it\n"


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    killed = f"""
import os
from pathlib import Path
from lab.checkout import Checkout
with Checkout(Path({str(tmp_path)!r})).lock("up", print):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    with Checkout(tmp_path).lock("up", pytest.fail):
        pass
