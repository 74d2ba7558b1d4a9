"""What a plan needs, and what its made-up answers depend on. The plans themselves need the engine: tests/lab."""

from pathlib import Path

import pytest

from ops.answers import digest
from ops.plan import ROOT, PlanError, checked_out, plan


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanError, match=r"Pulumi\.nowhere\.yaml is missing"):
        plan(ROOT, "nowhere")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PlanError, match="pulumi is not on PATH: install it"):
        plan(ROOT, "prod")


def test_a_commit_that_is_not_there_is_named() -> None:
    with pytest.raises(PlanError, match=r"0{40} can't be checked out"), checked_out("0" * 40):
        pass


def test_an_image_is_another_when_something_that_it_is_built_from_is(tmp_path: Path) -> None:
    context, dockerfile = tmp_path / "context", tmp_path / "Dockerfile"
    (context / "src").mkdir(parents=True)
    source = context / "src" / "main.ts"

    def built(**arguments: str) -> str:
        return digest({"context": str(context), "dockerfile": str(dockerfile), "args": arguments})

    dockerfile.write_text("FROM scratch\n")
    source.write_text("a\n")
    found = [built(), built(NODE_IMAGE="node:24")]
    source.write_text("b\n")
    found.append(built())
    source.rename(context / "main.ts")
    found.append(built())
    (context / "main.ts").chmod(0o755)
    found.append(built())
    dockerfile.write_text("FROM debian\n")
    found.append(built())
    assert len(set(found)) == len(found)
    assert built() == found[-1]
