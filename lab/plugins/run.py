"""Start one plug-in: `run.py docker|command|random|python [engine address]`."""

import importlib
import importlib.util
import pathlib
import sys
import types


def _protocol_only() -> None:
    """Let `pulumi.runtime.proto` load without the rest of the SDK: it is half of a plug-in's start."""
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the Pulumi SDK is not installed in this environment: run `make`")
    for name in ("pulumi", "pulumi.runtime"):
        package = types.ModuleType(name)
        package.__path__ = [str(pathlib.Path(spec.submodule_search_locations[0]).parent / name.replace(".", "/"))]
        sys.modules[name] = package


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    _protocol_only()
    importlib.import_module(f"lab.plugins.{sys.argv[1]}").main()
