"""Runs the program against a recorder instead of an engine."""

import json
import runpy
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pulumi
import yaml
from pulumi.output import Unknown

ROOT = Path(__file__).parents[2]
HOST = {"address": "192.0.2.10", "user": "deploy", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"}


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Notes every resource that the program registers, and makes up what a provider would compute."""

    gates: bool = True  # false: no container ever becomes healthy
    resources: list[pulumi.runtime.MockResourceArgs] = field(default_factory=list)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        # Whether the SDK leaves out what is unknown or marks it, depends on the thread: here it is left out.
        args.inputs = {key: value for key, value in args.inputs.items() if not _is_unknown(value)}
        self.resources.append(args)
        computed: dict[str, Any] = {
            "docker:index/container:Container": {"name": args.inputs.get("name") or f"{args.name}-0a1b2c3"},
            "docker:index/remoteImage:RemoteImage": {"imageId": "sha256:" + "1" * 64, "repoDigest": ""},
            "command:remote:Command": {"stdout": json.dumps(dict.fromkeys(("release", "when", "who", "commit"), "x"))},
            "docker:index/image:Image": {"repoDigest": self._digest(args.inputs)},
            "random:index/randomPassword:RandomPassword": {"result": f"generated-for-{args.name}"},
        }.get(args.typ, {})
        passed = self.gates or not args.name.endswith("-ready")
        return f"{args.name}-id" if passed else None, {**args.inputs, **computed}

    @staticmethod
    def _digest(image: dict[str, Any]) -> str:
        """What was pushed is named by its digest, what was not by its id."""
        id = "sha256:" + "2" * 64
        return f"{image.get('imageName')}@{id}" if image.get("skipPush") is False else id

    def call(self, args: pulumi.runtime.MockCallArgs) -> NoReturn:
        raise AssertionError(f"the program calls {args.token}: a preview would contact the host")

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Inputs of every resource of a type, by resource name."""
        return {r.name: r.inputs for r in self.resources if r.typ == kind}

    @property
    def containers(self) -> dict[str, dict[str, Any]]:
        return self.of_type("docker:index/container:Container")

    @property
    def commands(self) -> dict[str, dict[str, Any]]:
        return self.of_type("command:remote:Command")


def _is_unknown(value: Any) -> bool:
    return isinstance(value, Unknown) or (isinstance(value, dict) and isinstance(value.get("value"), Unknown))


def run(stack: str = "test", *, gates: bool = True, secret: Collection[str] = (), **sections: Any) -> Recorder:
    """Run `__main__.py` with these sections of configuration; `secret` are those set with `--secret`."""
    recorder = Recorder(gates)
    values = {"host": HOST, "environment": "development", **sections}
    pulumi.runtime.set_mocks(recorder, project="a4co", stack=stack, preview=not gates)
    pulumi.runtime.set_all_config(
        {f"a4co:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()},
        [f"a4co:{key}" for key in secret],
    )

    @pulumi.runtime.test
    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    with patch("components.preflight.preflight"):
        program()
    return recorder


def stack_file(stack: str) -> dict[str, Any]:
    """Sections of a checked-in stack file."""
    values = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("a4co:"): value for key, value in values.items()}
