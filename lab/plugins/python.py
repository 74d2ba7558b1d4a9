"""The Python language host: runs the program's `__main__.py` in the project's own virtual environment."""

# ruff: noqa: D102, N802  -- the protocol names these methods and says what they do
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from lab.plugins.wire import Engine, serve

EXECUTOR = Path(__file__).with_name("python_exec.py")
# The program has told the user what is wrong: there is nothing to add.
SHOWN = 32


class PythonHost(language_pb2_grpc.LanguageRuntimeServicer):
    """What the CLI asks of a language for up, preview, refresh, destroy, config, stack and about."""

    def __init__(self, engine_address: str) -> None:
        self._engine = engine_address

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> language_pb2.LanguageHandshakeResponse:
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="3.259.0")

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        packages = [
            plugin_pb2.PackageDependency(name=name, kind="resource", version=version, server=server)
            for name, version, server in _required(_site_packages(_python(request.info, context)))
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        plugins = [
            plugin_pb2.PluginDependency(name=name, kind="resource", version=version, server=server)
            for name, version, server in _required(_site_packages(_python(request.info, context)))
        ]
        return language_pb2.GetRequiredPluginsResponse(plugins=plugins)

    def Run(self, request: Any, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        settings = {
            "program": str(Path(request.info.program_directory) / request.info.entry_point),
            "args": list(request.args),
            "pwd": request.pwd or request.info.program_directory,
            "runtime": {
                "monitor": request.monitor_address,
                "engine": self._engine,
                "project": request.project,
                "stack": request.stack,
                "parallel": request.parallel,
                "dry_run": request.dryRun,
                "organization": request.organization,
                "root_directory": request.info.root_directory,
            },
        }
        environment = os.environ | {
            # Where the SDK looks for it; a command line could be read by everybody on this machine.
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        # -P: what lies beside the executor (`random`, `docker`) must not hide the real ones.
        command = [_python(request.info, context), "-P", "-u", str(EXECUTOR), json.dumps(settings)]
        status = subprocess.run(command, env=environment, cwd=settings["pwd"], check=False).returncode
        if status == SHOWN:
            return language_pb2.RunResponse(bail=True)
        if status < 0:
            return language_pb2.RunResponse(error=f"Program was ended by {signal.Signals(-status).name}")
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {status}" if status else "")

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        names = [
            folder.name.removesuffix(".dist-info").split("-", 1)
            for folder in sorted(_site_packages(_python(request.info, context)).glob("*.dist-info"))
        ]
        found = [language_pb2.DependencyInfo(name=name, version=version) for name, version in names]
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    def About(self, request: Any, context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        python = _python(request.info, context)
        said = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout
        return language_pb2.AboutResponse(executable=python, version=said.split()[-1])

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()


def _python(info: Any, context: grpc.ServicerContext) -> str:
    """The interpreter of the environment that Pulumi.yaml names, else the one on PATH."""
    options = dict(info.options)
    name = options.get("virtualenv") or (".venv" if options.get("toolchain") == "uv" else None)
    if not name:
        return shutil.which("python3") or sys.executable
    python = Path(info.root_directory, str(name), "bin", "python")
    if not python.exists():
        context.abort(
            grpc.StatusCode.UNKNOWN,
            f'The \'virtualenv\' option in Pulumi.yaml is set to "{name}", but "{python.parent.parent}" has no '
            "Python; create the environment and install the program's requirements into it",
        )
    return str(python)


def _site_packages(python: str) -> Path:
    beside = sorted(Path(python).parent.parent.glob("lib/python3*/site-packages"))
    if beside and Path(python).parent.parent.joinpath("pyvenv.cfg").exists():
        return beside[-1]
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip())


def _required(site_packages: Path) -> Iterator[tuple[str, str, str]]:
    """Each installed Pulumi package names the plug-in that it needs."""
    for file in sorted(site_packages.glob("*/pulumi-plugin.json")):
        plugin = json.loads(file.read_text())
        if plugin.get("resource"):
            yield plugin["name"], plugin["version"], plugin.get("server", "")


def main() -> None:
    """Run the plug-in."""

    def register(server: grpc.Server, _: Engine) -> None:
        address = sys.argv[-1] if len(sys.argv) > 2 else ""
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(PythonHost(address), server)

    serve(register)
