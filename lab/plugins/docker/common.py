"""What the docker resources share: labels, and how a half-made resource is reported."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from lab.plugins.bridge import Field
from lab.plugins.docker.engine import DockerError, Engine
from lab.plugins.provider import InitError, ProviderError
from lab.plugins.wire import Properties

LABELS = {"label": Field(required=True), "value": Field(required=True)}


def labels_of(entries: list[dict[str, str]] | None) -> dict[str, str]:
    """Labels as the engine takes them."""
    return {entry["label"]: entry["value"] for entry in entries or []}


def labels_from(labels: dict[str, str] | None) -> list[dict[str, str]]:
    """Labels as the program writes them."""
    return [{"label": key, "value": value} for key, value in (labels or {}).items()]


@contextlib.contextmanager
def created(id: str, state: Properties) -> Iterator[None]:
    """From here on the resource exists: a failure keeps it in the state, with what is known of it."""
    try:
        yield
    except ProviderError as error:
        raise InitError(id, state, str(error)) from error


Logins = dict[str, dict[str, Any]]


def find_image(engine: Engine, name: str, logins: Logins, platform: str = "") -> dict[str, Any]:
    """The image on the host; a registry is asked only when the host does not have it."""
    if not name:
        raise ProviderError("empty image name is not allowed")
    found = local_image(engine, name)
    if found is None:
        try:
            pull(engine, name, logins.get(registry_of(name), {}), platform)
        except DockerError as error:
            raise ProviderError(f"unable to pull image {name}: error pulling image {name}: {error}") from error
        except ProviderError:
            pass  # the official provider does not read what a pull says once it has begun
        found = local_image(engine, name)
    if found is None:
        raise ProviderError(f"unable to find or pull image {name}")
    return found


def local_image(engine: Engine, name: str) -> dict[str, Any] | None:
    """The image of that name or id on the host."""
    try:
        return engine.call("GET", f"/images/{name}/json")
    except DockerError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise ProviderError(f"unable to inspect image {name}: {error}") from error


def pull(engine: Engine, name: str, login: dict[str, Any], platform: str) -> None:
    """Let the host fetch an image from its registry."""
    for message in engine.stream("/images/create", auth_header(login), fromImage=name, platform=platform or None):
        raise_error(message)


def raise_error(message: dict[str, Any]) -> None:
    """Raise what a line of a pull, push or build says that went wrong, in the official provider's words."""
    error = message.get("errorDetail")
    if not error:
        return
    if error.get("code") == HTTPStatus.UNAUTHORIZED:
        raise ProviderError("authentication is required")
    said = error.get("message", "")
    if said == "EOF":
        said += (
            "\n: This error is most likely due to incorrect or mismatched registry credentials. "
            "Please double check you are using the correct credentials and registry name"
        )
    raise ProviderError(said)


def registry_of(name: str) -> str:
    """The registry that an image's name speaks of, in the words of `registryAuth`."""
    first, slash, _ = name.partition("/")
    return first if slash and (set(".:") & set(first) or first == "localhost") else "registry-1.docker.io"


def auth_header(login: dict[str, Any]) -> dict[str, str]:
    """A login as the engine expects it."""
    auth = {key: login[key] for key in ("username", "password", "serveraddress") if login.get(key)}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()}
