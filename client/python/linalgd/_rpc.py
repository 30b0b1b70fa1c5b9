"""gRPC plumbing: typed calls made from the service descriptors, retries, and error translation."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc
from google.protobuf import message_factory

from linalgd.errors import Diagnostic, InputError, LinalgdError, ServerError, ServerUnavailable
from linalgd.errors import SourceLocation as Location
from linalgd.v1 import blob_pb2, compile_pb2, error_pb2, server_pb2

T = TypeVar("T")

MAX_MESSAGE_BYTES = 64 << 20
_DETAILS = "grpc-status-details-bin"
_SEVERITIES = {1: "note", 2: "warning", 3: "error"}


class Rpc:
    """The services of one server over one channel. Safe for use from several threads.

    Attributes:
        address: "HOST:PORT".
        timeout: deadline of a unary call, seconds.
        chunk_bytes: how much an upload message may hold; 0 until the server was asked.
    """

    def __init__(self, address: str, timeout: float) -> None:
        self.address = address
        self.timeout = timeout
        self.chunk_bytes = 0
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 2000),
                # Notices a server that vanished; more often is taken for an attack.
                ("grpc.keepalive_time_ms", 320_000),
                # A channel of its own: clients of one process do not share a broken connection.
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self._calls: dict[str, Callable[..., Any]] = {}
        for module in (blob_pb2, compile_pb2, server_pb2):
            for service in module.DESCRIPTOR.services_by_name.values():
                self._add(service)

    def _add(self, service: Any) -> None:
        for method in service.methods:
            kinds = {
                (False, False): self._channel.unary_unary,
                (False, True): self._channel.unary_stream,
                (True, False): self._channel.stream_unary,
                (True, True): self._channel.stream_stream,
            }
            make = kinds[method.client_streaming, method.server_streaming]
            self._calls[method.name] = make(
                f"/{service.full_name}/{method.name}",
                request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
            )

    def unary(self, method: str, request: Any, reply: type[T], *, attempts: int = 5) -> T:
        """Calls a method whose repetition does no harm; retries while no server answers.

        Args:
            method: its name, "Submit".
            request: the message.
            reply: the message class of the answer.
            attempts: how often to try in all; the waits between add up to about 3 s by default.

        Raises:
            ServerUnavailable: no server answered.
            grpc.RpcError: any other status; see `translate`.
        """
        for attempt in range(attempts):
            try:
                answer = self._calls[method](request, timeout=self.timeout)
                assert isinstance(answer, reply)
                return answer
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                if attempt + 1 == attempts:
                    raise self.translate(error) from error
            backoff(attempt)
        raise AssertionError("attempts must be positive")

    def server_stream(self, method: str, request: Any, timeout: float | None) -> Any:
        """Starts a call that answers with a stream. `timeout` is of the whole stream, seconds."""
        return self._calls[method](request, timeout=timeout)

    def client_stream(self, method: str, requests: Iterator[Any]) -> Any:
        """Sends a stream and waits for the answer."""
        return self._calls[method](requests)

    def translate(self, error: grpc.RpcError) -> LinalgdError:
        """What a caller of the package sees for a gRPC error."""
        code = error.code()
        text = error.details() or code.name
        if code == grpc.StatusCode.UNAVAILABLE:
            return ServerUnavailable(
                f"no linalgd takes requests at {self.address}: {text}; start one with `linalgd`, "
                "or set $LINALGD_ADDRESS"
            )
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return ServerUnavailable(
                f"{self.address} did not answer within {self.timeout:g} s", code=code.name
            )
        if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE):
            return InputError(text, code=code.name)
        return ServerError(f"{text} ({code.name}, from {self.address})", code=code.name)

    def close(self) -> None:
        """Ends all calls and the connection."""
        self._channel.close()


def bad_answer(rpc: Rpc, text: str) -> ServerError:
    """The error for a server that does not keep to the protocol."""
    return ServerError(f"{text} (from {rpc.address})", code="DATA_LOSS")


def backoff(attempt: int) -> None:
    """Sleeps before try number `attempt` + 2: 0.1 s, doubling up to 2 s, with some jitter."""
    time.sleep(min(2.0, 0.1 * 2**attempt) * random.uniform(0.8, 1.2))


def missing_blobs(error: grpc.RpcError) -> list[str] | None:
    """The digests that a FAILED_PRECONDITION of Submit names; None where it is another error."""
    if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
        return None
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS:
            continue
        status = error_pb2.StatusDetails.FromString(value)
        for detail in status.details:
            missing = error_pb2.MissingBlobs()
            if detail.Unpack(missing):
                return list(missing.digests)
    return None


def diagnostics(messages: Iterable[error_pb2.Diagnostic]) -> list[Diagnostic]:
    """Diagnostics as they are shown to users."""
    found = []
    for message in messages:
        location = None
        if message.HasField("location"):
            where = message.location
            location = Location(where.file, where.line, where.function, where.module, where.column)
        found.append(
            Diagnostic(
                severity=_SEVERITIES.get(message.severity, "error"),
                code=message.code,
                message=message.message,
                op=message.op,
                node=message.node,
                location=location,
                hint=message.hint,
            )
        )
    return found
