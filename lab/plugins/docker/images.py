"""docker.RemoteImage, docker.Tag and docker.RegistryImage: images that the host has, names, or pushes."""

# ruff: noqa: D102  -- the protocol names these methods and says what they do
from __future__ import annotations

from typing import ClassVar

from lab.plugins.bridge import Bridged, Field, Fields, planned, refreshed
from lab.plugins.docker.common import Logins, auth_header, find_image, local_image, registry_of
from lab.plugins.docker.engine import Engine
from lab.plugins.provider import Checked, Named, ProviderError
from lab.plugins.wire import Properties


class RemoteImage(Bridged):
    """An image on the host, pulled when it is not there."""

    fields: ClassVar[Fields] = {
        "name": Field(replace=True, required=True),
        "keepLocally": Field("bool"),
        "forceRemove": Field("bool"),
        "pullTriggers": Field("set", replace=True),
        "triggers": Field("map", replace=True),
        "platform": Field(replace=True),
        "imageId": Field(output=True),
        "repoDigest": Field(output=True),
    }

    def __init__(self, engine: Engine, logins: Logins) -> None:
        self._engine = engine
        self._logins = logins

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        state = planned(self.fields, {}, inputs, preview=preview)
        if preview:
            return "", state
        state = self._pulled(state)
        return state["imageId"] + state["name"], state

    def _pulled(self, state: Properties) -> Properties:
        try:
            image = find_image(self._engine, state["name"], self._logins, state.get("platform", ""))
        except ProviderError as error:
            raise ProviderError(f"Unable to read Docker image into resource: {error}") from error
        return state | _facts(state["name"], image)

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        image = local_image(self._engine, state["name"])
        if image is None:
            return None
        found = state | _facts(state["name"], image)
        return refreshed(inputs, found), found

    def update(
        self, who: Named, id: str, state: Properties, old_inputs: Properties, news: Properties, *, preview: bool
    ) -> Properties:
        result = super().update(who, id, state, old_inputs, news, preview=preview)
        return result if preview else self._pulled(result)

    def delete(self, who: Named, id: str, state: Properties) -> None:
        if state.get("keepLocally") or local_image(self._engine, state["name"]) is None:
            return
        try:
            self._engine.call("DELETE", f"/images/{state['name']}", force=1 if state.get("forceRemove") else None)
        except ProviderError as error:
            raise ProviderError(f"Unable to remove Docker image: {error}") from error


def _facts(name: str, image: dict) -> Properties:
    """Its id, and the digest under which the registry of that name knows it."""
    repository = name.split("@", maxsplit=1)[0]
    head, _, last = repository.rpartition("/")
    repository = f"{head}/{last.split(':')[0]}".lstrip("/")
    digests = image.get("RepoDigests") or []
    digest = next((entry for entry in digests if entry.split("@")[0] == repository), digests[0] if digests else "")
    return {"imageId": image["Id"], "repoDigest": digest}


class Tag(Bridged):
    """A further name of an image on the host. It is never taken away."""

    fields: ClassVar[Fields] = {
        "sourceImage": Field(replace=True, required=True),
        "targetImage": Field(replace=True, required=True),
        "tagTriggers": Field("set", replace=True),
        "sourceImageId": Field(output=True),
    }

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        state = planned(self.fields, {}, inputs, preview=preview)
        if preview:
            return "", state
        source, target = state["sourceImage"], state["targetImage"]
        repository, tag = target, "latest"
        if ":" in target.rsplit("/", 1)[-1]:
            repository, _, tag = target.rpartition(":")
        try:
            self._engine.call("POST", f"/images/{source}/tag", repo=repository, tag=tag)
            id = self._engine.call("GET", f"/images/{source}/json")["Id"]
        except ProviderError as error:
            raise ProviderError(f"failed to create docker tag: {error}") from error
        return f"{source}.{target}", state | {"sourceImageId": id}

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties]:
        return refreshed(inputs, state), state

    def delete(self, who: Named, id: str, state: Properties) -> None:
        """The names stay, as with the official provider."""


class RegistryImage(Bridged):
    """An image that the host pushes to its registry. It is not removed there."""

    fields: ClassVar[Fields] = {
        "name": Field(replace=True, required=True, auto_name=True),
        "keepRemotely": Field("bool"),
        "insecureSkipVerify": Field("bool"),
        "triggers": Field("map", replace=True),
        "sha256Digest": Field(output=True),
    }

    def __init__(self, engine: Engine, logins: Logins) -> None:
        self._engine = engine
        self._logins = logins

    def check(self, who: Named, olds: Properties, news: Properties) -> Checked:
        checked = super().check(who, olds, news)
        if not news.get("keepRemotely"):
            checked.failures["keepRemotely"] = "the stand-in never deletes from a registry: set keep_remotely=True"
        return checked

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        state = planned(self.fields, {}, inputs, preview=preview)
        if preview:
            return "", state
        digest = ""
        login = self._logins.get(registry_of(state["name"]), {})
        repository, _, tag = state["name"].rpartition(":")
        for message in self._engine.stream(f"/images/{repository}/push", auth_header(login), tag=tag):
            if "error" in message:
                raise ProviderError(f"Error pushing image. Full error: {message['error']}")
            digest = message.get("aux", {}).get("Digest", digest)
        return digest, state | {"sha256Digest": digest}

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties]:
        return refreshed(inputs, state), state

    def delete(self, who: Named, id: str, state: Properties) -> None:
        """`keepRemotely` is what check asks for."""
