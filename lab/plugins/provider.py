"""The provider protocol, once: a plug-in is a table from type tokens to resources."""

# ruff: noqa: D102, N802  -- the protocol names these methods and says what they do
from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from lab.plugins.wire import Engine, Properties, decode, encode, reveal, serve

Kind = provider_pb2.PropertyDiff
# A property's path, and the kind of its change (the protocol's enumeration has no type that a checker follows).
Detailed = dict[str, Any]
REPLACING = {Kind.ADD_REPLACE, Kind.DELETE_REPLACE, Kind.UPDATE_REPLACE}


class ProviderError(Exception):
    """A failure that the user reads as it is."""


class InitError(Exception):
    """The resource exists, but is not what was asked for: it goes into the state with this error."""

    def __init__(self, id: str, state: Properties, reason: str) -> None:
        super().__init__(reason)
        self.id, self.state, self.reason = id, state, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The inputs with defaults, and what is wrong with them, by property."""

    inputs: Properties
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would change, by path; and whether a replacement starts with the deletion."""

    detailed: Detailed
    delete_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Who asks: the resource's URN, its logical name, and what an automatic name is made of."""

    urn: str
    name: str
    seed: bytes = b""
    proposed: str | None = None


class Resource(Protocol):
    """One type of resource, in the words of the provider protocol."""

    def check(self, who: Named, olds: Properties, news: Properties) -> Checked: ...
    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Change: ...
    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]: ...
    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        """The inputs and the state as they are now, or None when the resource is gone."""
        ...

    def update(
        self, who: Named, id: str, state: Properties, old_inputs: Properties, news: Properties, *, preview: bool
    ) -> Properties: ...
    def delete(self, who: Named, id: str, state: Properties) -> None: ...


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves the resources of one package."""

    version: str
    accept_secrets = False

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.resources: Mapping[str, Resource] = {}

    def configure(self, config: Properties) -> None:
        """Takes the provider's own settings; connects to nothing."""

    def explain(self, doing: str, urn: str, error: str, *, exists: bool) -> str:
        """The words around an error: none, unless a provider is known for some."""
        return error

    def _resource(self, urn: str) -> Resource:
        token = token_of(urn)
        if token not in self.resources:
            raise ProviderError(f"unrecognized resource type: {token} is not one that this stand-in serves")
        return self.resources[token]

    @contextlib.contextmanager
    def _reported(self, context: grpc.ServicerContext, doing: str = "", urn: str = "") -> Iterator[None]:
        """Turns our own errors into the gRPC errors that the engine shows without decoration."""
        try:
            yield
        except InitError as error:
            reason = self.explain(doing, urn, error.reason, exists=True)
            detail = provider_pb2.ErrorResourceInitFailed(id=error.id, properties=encode(error.state), reasons=[reason])
            packed = any_pb2.Any()
            packed.Pack(detail)
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[packed])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNKNOWN, reason)
        except ProviderError as error:
            said = self.explain(doing, urn, str(error), exists=doing != "creating") if doing else str(error)
            context.abort(grpc.StatusCode.UNKNOWN, said)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self.version)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        olds, news = reveal(decode(request.olds)), reveal(decode(request.news))
        changed = {
            key: Kind.UPDATE for key in olds.keys() | news.keys() if olds.get(key) != news.get(key) and key != "version"
        }
        return _diff_response(Change(detailed=changed))

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        with self._reported(context):
            self.configure(reveal(decode(request.args)))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=self.accept_secrets, supportsPreview=True, supports_autonaming_configuration=True
        )

    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        with self._reported(context):
            proposed = request.autonaming.proposed_name if request.HasField("autonaming") else None
            who = Named(urn=request.urn, name=request.urn.split("::")[-1], seed=request.randomSeed, proposed=proposed)
            checked = self._resource(request.urn).check(who, decode(request.olds), decode(request.news))
            failures = [
                provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in checked.failures.items()
            ]
            return provider_pb2.CheckResponse(inputs=encode(checked.inputs), failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        with self._reported(context):
            change = self._resource(request.urn).diff(
                decode(request.olds), decode(request.old_inputs), decode(request.news)
            )
            ignored = {_root(path) for path in request.ignoreChanges}
            detailed = {path: kind for path, kind in change.detailed.items() if _root(path) not in ignored}
            return _diff_response(Change(detailed=detailed, delete_first=change.delete_first))

    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        with self._reported(context, "creating", request.urn):
            who = Named(urn=request.urn, name=request.urn.split("::")[-1])
            id, state = self._resource(request.urn).create(who, decode(request.properties), preview=request.preview)
            return provider_pb2.CreateResponse(id=id, properties=encode(state))

    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        with self._reported(context, "refreshing", request.urn):
            who = Named(urn=request.urn, name=request.urn.split("::")[-1])
            found = self._resource(request.urn).read(
                who, request.id, decode(request.inputs), decode(request.properties)
            )
            if found is None:
                return provider_pb2.ReadResponse()
            inputs, state = found
            return provider_pb2.ReadResponse(id=request.id, inputs=encode(inputs), properties=encode(state))

    def Update(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        with self._reported(context, "updating", request.urn):
            who = Named(urn=request.urn, name=request.urn.split("::")[-1])
            state = self._resource(request.urn).update(
                who,
                request.id,
                decode(request.olds),
                decode(request.old_inputs),
                decode(request.news),
                preview=request.preview,
            )
            return provider_pb2.UpdateResponse(properties=encode(state))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        with self._reported(context, "deleting", request.urn):
            who = Named(urn=request.urn, name=request.urn.split("::")[-1])
            self._resource(request.urn).delete(who, request.id, decode(request.properties))
        return empty_pb2.Empty()


def serve_provider(make: type[Provider]) -> None:
    """Run one provider as a plug-in."""
    serve(lambda server, engine: provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(engine), server))


def token_of(urn: str) -> str:
    """The resource's own type; a URN names its parents' types before it."""
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def _root(path: str) -> str:
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


def _diff_response(change: Change) -> provider_pb2.DiffResponse:
    replaces = sorted({_root(path) for path, kind in change.detailed.items() if kind in REPLACING})
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if change.detailed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({_root(path) for path in change.detailed}),
        replaces=replaces,
        deleteBeforeReplace=bool(replaces) and change.delete_first,
        detailedDiff={path: provider_pb2.PropertyDiff(kind=kind) for path, kind in change.detailed.items()},
        hasDetailedDiff=True,
    )
