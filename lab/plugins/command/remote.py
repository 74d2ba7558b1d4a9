"""command:remote:Command and CopyToRemote."""

# ruff: noqa: D102  -- the protocol names these methods and says what they do
from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import engine_pb2

from lab.plugins.provider import Change, Checked, Detailed, Kind, Named, ProviderError
from lab.plugins.wire import UNKNOWN, Engine, Properties, Secret, has_unknown, reveal

if TYPE_CHECKING:
    import asyncssh

CONNECTION = {"user": "root", "port": 22, "dialErrorLimit": 10, "perDialTimeout": 15}
PREVIOUS = {"PULUMI_COMMAND_STDOUT": "stdout", "PULUMI_COMMAND_STDERR": "stderr"}
REFUSED = (
    "Unable to set '{name}'. This only works if your SSH server is configured to accept\n\tthese variables via "
    "AcceptEnv. Alternatively, if a Bash-like shell runs the command on the remote host, you could\n\tprefix the "
    "command itself with the variables in the form 'VAR=value command'"
)


class Remote:
    """What Command and CopyToRemote share: the connection's defaults, its secrecy, and how changes count."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def check(self, who: Named, olds: Properties, news: Properties) -> Checked:
        inputs = dict(news)
        failures = {key: "Missing required argument" for key in self.required if key not in inputs}
        connection = inputs.get("connection")
        inner = connection.value if isinstance(connection, Secret) else connection
        if isinstance(inner, dict):
            if "proxy" in inner:
                failures["connection.proxy"] = "the stand-in does not serve a proxy connection"
            inner = CONNECTION | inner
            for key in ("password", "privateKey", "privateKeyPassword"):
                if key in inner and not isinstance(inner[key], Secret):
                    inner[key] = Secret(inner[key])
            inputs["connection"] = Secret(inner)
        return Checked(inputs=inputs, failures=failures)

    required: tuple[str, ...] = ("connection",)

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Change:
        detailed: Detailed = {}
        _compare("", reveal(old_inputs), reveal(news), detailed)
        # The provider replaces when `triggers` come or go; a change inside is replaced by the SDK's own option.
        replacing = {Kind.ADD: Kind.ADD_REPLACE, Kind.DELETE: Kind.DELETE_REPLACE, Kind.UPDATE: Kind.UPDATE_REPLACE}
        return Change(detailed={k: replacing[kind] if k == "triggers" else kind for k, kind in detailed.items()})

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties]:
        return inputs, state


def _compare(path: str, old: Any, new: Any, into: Detailed) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if not key.startswith("__"):
                _compare(f"{path}.{key}" if path else key, old.get(key), new.get(key), into)
    elif isinstance(old, list) and isinstance(new, list):
        for i in range(max(len(old), len(new))):
            _compare(f"{path}[{i}]", old[i] if i < len(old) else None, new[i] if i < len(new) else None, into)
    elif old != new:
        into[path] = Kind.ADD if old is None else Kind.DELETE if new is None else Kind.UPDATE


class Command(Remote):
    """Runs `create` once, `update` (or `create` again) when any input changes, `delete` at the end."""

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        id = f"{who.name}{secrets.token_hex(4)}"
        if preview:
            return id, {**inputs, "stdout": UNKNOWN, "stderr": UNKNOWN}
        return id, {**inputs, **self._run(who, inputs, "create", {})}

    def update(
        self, who: Named, id: str, state: Properties, old_inputs: Properties, news: Properties, *, preview: bool
    ) -> Properties:
        if preview:
            return {**news, "stdout": UNKNOWN, "stderr": UNKNOWN}
        return {**news, **self._run(who, news, "update" if "update" in news else "create", state)}

    def delete(self, who: Named, id: str, state: Properties) -> None:
        self._run(who, state, "delete", state)

    def _run(self, who: Named, inputs: Properties, which: str, state: Properties) -> Properties:
        previous = {key: state.get(key, "") for key in ("stdout", "stderr")}
        if which not in inputs:
            return previous
        return asyncio.run(self._execute(who, reveal(inputs), reveal(inputs[which]), reveal(previous)))

    async def _execute(self, who: Named, inputs: Properties, command: str, previous: Properties) -> Properties:
        from lab.plugins.command.ssh import connected  # noqa: PLC0415  a preview does not need it

        def status(line: str) -> None:
            self._engine.log(who.urn, line, status=True)

        async with connected(inputs["connection"], status) as client:
            environment = await self._accepted(who, client, inputs, previous)
            process = await client.create_process(command, env=environment, encoding=None)
            both = bytearray()
            logging = inputs.get("logging", "stdoutAndStderr")

            async def drain(stream: asyncssh.SSHReader[bytes], name: str) -> bytes:
                said = bytearray()
                shown = logging in (name, "stdoutAndStderr")
                async for line in stream:
                    said += line
                    both.extend(line)
                    if shown:
                        status(line.decode(errors="replace").rstrip("\r\n"))
                return bytes(said)

            with contextlib.suppress(BrokenPipeError):  # it may end without reading
                process.stdin.write(inputs.get("stdin", "").encode())
                process.stdin.write_eof()
            out, err = await asyncio.gather(drain(process.stdout, "stdout"), drain(process.stderr, "stderr"))
            await process.wait_closed()
        if (how := _failure(process)) is not None:
            raise ProviderError(
                f"{how}: running {json.dumps(command, ensure_ascii=False)}:\n{both.decode(errors='replace')}"
            )
        return {
            "stdout": out.decode(errors="replace").removesuffix("\n"),
            "stderr": err.decode(errors="replace").removesuffix("\n"),
        }

    async def _accepted(
        self, who: Named, client: asyncssh.SSHClientConnection, inputs: Properties, previous: Properties
    ) -> dict[str, str]:
        """The variables that the server takes. What the program set must be taken; what was said before may be."""
        asked = dict(inputs.get("environment", {}))
        if inputs.get("addPreviousOutputInEnv", True):
            asked |= {name: previous[key] for name, key in PREVIOUS.items() if previous[key]}
        if not asked:
            return {}
        # SSH servers drop variables without a word: a look at what arrives tells.
        probe = await client.run("env -0", env=asked, errors="replace")
        arrived = dict(entry.split("=", 1) for entry in str(probe.stdout or "").split("\0") if "=" in entry)
        for name in list(asked):
            if arrived.get(name) == asked[name]:
                continue
            severity = engine_pb2.WARNING if name in PREVIOUS else engine_pb2.ERROR
            self._engine.log(who.urn, REFUSED.format(name=name), severity)
            if name not in PREVIOUS:
                raise ProviderError(f'could not set environment variable "{name}": ssh: setenv failed')
            del asked[name]
        return asked


def _failure(process: asyncssh.SSHClientProcess[bytes]) -> str | None:
    if process.exit_signal:
        return f"Process exited with status {process.exit_status} from signal {process.exit_signal[0]}"
    if process.exit_status is None:
        return "wait: remote command exited without exit status or exit signal"
    return f"Process exited with status {process.exit_status}" if process.exit_status else None


class CopyToRemote(Remote):
    """Copies a file, a folder or a text by SFTP, again when the source or the path changes, never for a new host."""

    required = ("connection", "source", "remotePath")

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        if preview:
            return "", inputs
        self._copy(inputs)
        return secrets.token_hex(4), inputs

    def update(
        self, who: Named, id: str, state: Properties, old_inputs: Properties, news: Properties, *, preview: bool
    ) -> Properties:
        olds, wanted = reveal(state), reveal(news)
        same = olds.get("remotePath") == wanted["remotePath"] and _hash(olds.get("source")) == _hash(wanted["source"])
        if not (preview or same or has_unknown(news)):
            self._copy(news)
        return news

    def delete(self, who: Named, id: str, state: Properties) -> None:
        """The copy stays, as with the official provider."""

    def _copy(self, inputs: Properties) -> None:
        from lab.plugins.command.copy import copy  # noqa: PLC0415  a preview does not need it

        asyncio.run(copy(reveal(inputs)))


def _hash(source: Any) -> Any:
    return source.get("hash") if isinstance(source, dict) else None
