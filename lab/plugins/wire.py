"""What every plug-in speaks: property values on the wire, the engine's log, and a gRPC server the CLI can find."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# The engine names the type of an unknown value; to a plug-in an unknown is an unknown.
UNKNOWNS = {
    UNKNOWN,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
}
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark, not a secret
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
DEFAULTS = "__defaults"
# Large build contexts, logs and states travel in one message, as with the official plug-ins.
MESSAGE_LIMIT = 400 * 1024 * 1024

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine must keep encrypted."""

    value: Any


def decode(struct: struct_pb2.Struct) -> Properties:
    """The properties as plain Python; unknowns stay `UNKNOWN`, secrets become `Secret`, nulls are left out."""
    return _decode(json_format.MessageToDict(struct))


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return Secret(_decode(value.get("value")))
        return {key: _decode(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if isinstance(value, str) and value in UNKNOWNS else value


def encode(properties: Properties) -> struct_pb2.Struct:
    """The opposite of `decode`."""
    return json_format.ParseDict(_encode(properties), struct_pb2.Struct())


def _encode(value: Any) -> Any:
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": _encode(value.value)}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    return value


def reveal(value: Any) -> Any:
    """The same value without any secret marks."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether any part of it is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value == UNKNOWN


class Engine:
    """The engine's log. `status` lines show in the live display only and leave no diagnostics behind."""

    def __init__(self, address: str | None) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None
        self._stream = 0
        self._lock = threading.Lock()

    def log(self, urn: str, message: str, severity: Any = engine_pb2.INFO, *, status: bool = False) -> None:
        """Say it about the resource `urn`."""
        if not self._stub:
            return
        with self._lock:
            self._stream += 1
            stream = self._stream
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, streamId=stream, ephemeral=status)
        try:
            self._stub.Log(request)
        except grpc.RpcError:
            logging.debug("the engine is gone: %s", message)


def serve(register: Callable[[grpc.Server, Engine], None]) -> None:
    """Serve on a free port, tell it to the CLI on stdout, and live until the CLI ends us."""
    addresses = [argument for argument in sys.argv[2:] if not argument.startswith("-")]
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=128),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_LIMIT),
            ("grpc.max_send_message_length", MESSAGE_LIMIT),
        ],
    )
    register(server, Engine(addresses[-1] if addresses else None))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # The CLI waits for what runs before it ends its plug-ins: a signal means now.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    print(port, flush=True)
    server.wait_for_termination()
