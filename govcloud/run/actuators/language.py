"""Declarations registered with the engine directly, and its events, over its own protocol.

The engine asks a language runtime to run the program, and tells events to whoever listens. For a program
that only declares (``run/slice.py``) both ends are here. The SDK takes three milliseconds of Python for a
resource and one for an event; this takes a tenth of that.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

import grpc
import msgspec
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS as CHANNEL
from pulumi.runtime.proto import (
    events_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
    resource_pb2,
    resource_pb2_grpc,
)

from ..slice import Declaration

OnEvent = Callable[["Event"], object]
Request = resource_pb2.RegisterResourceRequest
ROOT = "pulumi:pulumi:Stack"
# The engine has one call under way for the program and one for the events.
THREADS = 4


class Metadata(msgspec.Struct):
    """Of which resource an event tells, and of which step."""

    urn: str = ""
    op: str = ""


class ResourceEvent(msgspec.Struct):
    """A step that ended, well or not."""

    metadata: Metadata


class Diagnostic(msgspec.Struct):
    """Words of the engine or of a provider."""

    message: str = ""
    severity: str = ""
    urn: str | None = None


class Event(msgspec.Struct, rename="camel"):
    """What we read of an engine's event; the fields are called as in the SDK's ``EngineEvent``."""

    res_outputs_event: ResourceEvent | None = None
    res_op_failed_event: ResourceEvent | None = None
    diagnostic_event: Diagnostic | None = None


class _Events(events_pb2_grpc.EventsServicer):
    def __init__(self, listener: OnEvent) -> None:
        self._listener = listener
        self._decode = msgspec.json.Decoder(Event).decode

    def StreamEvents(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> Empty:
        # An engine that is ended leaves half a line in its stream; the failure is told by other words.
        try:
            for request in request_iterator:
                self._listener(self._decode(request.event))
        except grpc.RpcError:
            pass
        return Empty()


class _Runtime(language_pb2_grpc.LanguageRuntimeServicer):
    def __init__(self, declarations: Sequence[Declaration]) -> None:
        self._declarations = declarations

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.AboutResponse(executable="", version="")

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        with grpc.insecure_channel(request.monitor_address, options=CHANNEL) as channel:
            monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
            try:
                _register(monitor, f"{request.project}-{request.stack}", self._declarations)
            except grpc.RpcError:
                # The engine ends a registration so when a step has failed, and has told why by an event.
                return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse()


def _register(monitor: Any, stack: str, declarations: Sequence[Declaration]) -> None:
    """Register the stack and what it declares, each when what it needs is there. Raises ``RpcError``."""
    root: str = monitor.RegisterResource(Request(type=ROOT, name=stack, **_COMMON)).urn
    by_key = {one.key: one for one in declarations}
    urns: dict[str, str] = {}
    ids: dict[str, str] = {}
    sorter = TopologicalSorter({one.key: one.needs for one in declarations})
    sorter.prepare()
    answered: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    while sorter.is_active():
        for key in sorter.get_ready():
            call = monitor.RegisterResource.future(_request(by_key[key], root, urns, ids))
            call.add_done_callback(lambda done, key=key: answered.put((key, done)))
        key, call = answered.get()
        answer = call.result()
        urns[key], ids[key] = answer.urn, answer.id
        sorter.done(key)
    monitor.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=root, outputs=Struct()))
    monitor.SignalAndWaitForShutdown(Empty())


_COMMON: dict[str, Any] = {
    "acceptSecrets": True,
    "acceptResources": True,
    "supportsPartialValues": True,
    "supportsResultReporting": True,
}


def _request(one: Declaration, root: str, urns: dict[str, str], ids: dict[str, str]) -> Any:
    """As the SDK sends it, without the places in Python's source."""
    values = one.values | {name: ids[key] for name, key in one.references.items()}
    told = Struct()
    # A value that is None is one that is not said.
    told.update({name: value for name, value in values.items() if value is not None})
    of_property = Request.PropertyDependencies
    return Request(
        type=one.token,
        name=one.name,
        parent=root,
        custom=True,
        object=told,
        protect=one.protect,
        retainOnDelete=one.retain_on_delete,
        ignoreChanges=one.ignore_changes,
        deleteBeforeReplace=bool(one.delete_before_replace),
        deleteBeforeReplaceDefined=one.delete_before_replace is not None,
        dependencies=sorted({urns[key] for key in one.needs}),
        propertyDependencies={
            name: of_property(urns=[urns[one.references[name]]] if name in one.references else [])
            for name, value in values.items()
            if value is not None
        },
        **_COMMON,
    )


@contextmanager
def serving(declarations: Sequence[Declaration], listener: OnEvent) -> Iterator[list[str]]:
    """Answer one engine; what it gets is the arguments that tell it where."""
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")
    server = grpc.server(threads, options=CHANNEL)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(_Runtime(declarations), server)
    events_pb2_grpc.add_EventsServicer_to_server(_Events(listener), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield [f"--client={address}", "--exec-kind", "auto.inline", "--event-log", f"tcp://{address}"]
    finally:
        # Whatever the engine has sent is read to its end first; the engine itself is gone by now.
        server.stop(0).wait()
        threads.shutdown()
