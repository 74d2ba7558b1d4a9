import os
from pathlib import Path

import pytest

from lab import toolchain
from lab.checkout import Checkout
from lab.steps import StepError, Steps

GO = """#!/bin/sh
echo built >> {log}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\n' > "$2"; chmod +x "$2"
"""


class Machine:
    """A machine with just these programs, which can't reach Pulumi's site."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.builds = folder / "builds"
        self.checkout = Checkout(folder / "checkout")

    def has(self, program: str, script: str = "#!/bin/sh\n") -> None:
        (self.bin / program).write_text(script)
        (self.bin / program).chmod(0o755)

    def set_up(self) -> str:
        with Steps(self.checkout.dir / "log", {}).step("Pulumi") as step:
            toolchain.ensure(step, self.checkout)
            return step.note

    @property
    def cli(self) -> Path:
        return (toolchain.bin_dir(self.checkout) / "pulumi").resolve()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{found.bin}{os.pathsep}/bin")
    monkeypatch.setattr(toolchain, "_official_answers", lambda: False)
    return found


def _stand_in(machine: Machine, name: str) -> list[Path]:
    return list((machine.checkout.dir / "pulumi-home" / "plugins").glob(f"resource-{name}-v*/pulumi-resource-{name}"))


@pytest.mark.parametrize(
    ("printed", "enough"),
    [("v3.220.0", True), ("v3.259.0-alpha.1", True), ("4.0.0", True), ("v3.219.9", False), ("", False), ("dev", False)],
)
def test_versions(printed: str, enough: bool) -> None:
    assert toolchain.new_enough(printed) is enough


def test_a_pulumi_on_path_is_taken_with_its_language_host(machine: Machine) -> None:
    machine.has("pulumi", "#!/bin/sh\necho v3.300.1\n")
    machine.has("pulumi-language-python")
    machine.has("pulumi-resource-docker")
    note = machine.set_up()
    assert note == "pulumi v3.300.1 from PATH; docker from PATH; stand-ins for command, random"
    assert machine.cli == machine.bin / "pulumi"
    assert not (machine.bin / "pulumi-language-python").is_symlink()
    assert not _stand_in(machine, "docker")
    assert all(_stand_in(machine, name) for name in ("command", "random"))


def test_a_pulumi_without_language_host_gets_the_stand_in_on_path_only(machine: Machine) -> None:
    machine.has("pulumi", "#!/bin/sh\necho v3.300.1\n")
    assert "stand-ins for python, docker, command, random" in machine.set_up()
    assert (toolchain.bin_dir(machine.checkout) / "pulumi-language-python").is_symlink()
    assert not (machine.bin / "pulumi-language-python").exists()


def test_an_old_pulumi_is_passed_over_and_the_engine_built_once(machine: Machine) -> None:
    machine.has("pulumi", "#!/bin/sh\necho v3.100.0\n")
    machine.has("go", GO.format(log=machine.builds))
    note = machine.set_up()
    assert "built from its Go module" in note
    assert machine.cli.is_relative_to(machine.checkout.dir)
    assert (machine.cli.parent / "pulumi-language-python").is_symlink()
    assert machine.set_up() == note
    (machine.checkout.dir / "toolchain" / "chosen").unlink()
    assert machine.set_up() == note
    assert machine.builds.read_text() == "built\n"


def test_an_interrupted_build_is_no_engine(machine: Machine) -> None:
    machine.has("go", '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho half > "$2"; exit 1\n')
    with pytest.raises(StepError):
        machine.set_up()
    machine.has("go", GO.format(log=machine.builds))
    machine.set_up()
    assert machine.builds.read_text() == "built\n"


def test_without_go_the_way_out_is_named(machine: Machine) -> None:
    with pytest.raises(StepError) as raised:
        machine.set_up()
    assert "go" in str(raised.value)
    assert "install Pulumi" in raised.value.way_out
