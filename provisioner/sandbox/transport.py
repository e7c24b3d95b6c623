"""gRPC over HTTP/2 on a Unix socket, as far as Terraform's plugin protocol uses it: unary calls only."""

import sys
import threading
from collections.abc import Callable

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection

from provisioner.sandbox.rpc import Provider, UnknownMethod
from provisioner.sandbox.wire import Wire

_OK, _UNIMPLEMENTED, _INTERNAL = "0", "12", "13"
_WINDOW_BYTES = 1 << 24
_HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
_SERVING = b"\x08\x01"  # HealthCheckResponse.status = SERVING


class Connection:
    """One client connection: its own provider instance, a thread for each call."""

    def __init__(self, wire: Wire, provider: Provider, shut_down: Callable[[], None]) -> None:
        self._wire = wire
        self._provider = provider
        self._shut_down = shut_down
        self._http = H2Connection(H2Configuration(client_side=False))
        self._sending = threading.RLock()  # guards the HTTP/2 state and the order of frames
        self._window = threading.Condition(self._sending)
        self._calls: dict[int, tuple[str, bytearray]] = {}

    def serve(self) -> None:
        """Answer calls until the client closes the connection."""
        with self._sending:
            self._http.initiate_connection()
            self._http.increment_flow_control_window(_WINDOW_BYTES)
            self._flush()
        while data := self._wire.receive():
            with self._sending:
                for event in self._http.receive_data(data):
                    self._handle(event)
                self._flush()

    def _handle(self, event: events.Event) -> None:
        if isinstance(event, events.RequestReceived) and event.stream_id is not None:
            path = dict(event.headers or [])[b":path"].decode()
            self._calls[event.stream_id] = (path, bytearray())
        elif isinstance(event, events.DataReceived) and event.stream_id is not None:
            call = self._calls.get(event.stream_id)
            if call:
                call[1].extend(event.data or b"")
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        elif isinstance(event, (events.WindowUpdated, events.RemoteSettingsChanged)):
            self._window.notify_all()
        elif isinstance(event, events.StreamReset) and event.stream_id is not None:
            self._calls.pop(event.stream_id, None)
            self._window.notify_all()
        elif isinstance(event, events.StreamEnded) and event.stream_id in self._calls:
            path, body = self._calls.pop(event.stream_id)
            arguments = (event.stream_id, path, bytes(body[5:]))  # after gRPC's flag and length
            threading.Thread(target=self._answer, args=arguments, daemon=True).start()

    def _answer(self, stream: int, path: str, body: bytes) -> None:
        service, _, method = path.rpartition("/")
        try:
            if service == "/tfplugin5.Provider":
                self._reply(stream, self._provider.call(method, body), _OK)
            elif service == "/plugin.GRPCController" and method == "Shutdown":
                self._reply(stream, b"", _OK)
                self._shut_down()
            elif service == "/grpc.health.v1.Health" and method == "Check":
                self._reply(stream, _SERVING, _OK)
            else:
                self._reply(stream, None, _UNIMPLEMENTED)
        except UnknownMethod:
            self._reply(stream, None, _UNIMPLEMENTED)
        except OSError:
            pass  # the client is gone: nobody waits for this answer
        except Exception as error:
            import traceback  # slow to import and hardly ever needed

            traceback.print_exc(file=sys.stderr)
            self._reply(stream, None, _INTERNAL, f"sandbox provider: {type(error).__name__}: {error}")

    def _reply(self, stream: int, body: bytes | None, status: str, message: str = "") -> None:
        with self._sending:
            if body is None:
                shown = message.encode("ascii", "replace").decode().replace("%", "%25").replace("\n", "%0A")
                about = [("grpc-status", status), ("grpc-message", shown)]
                self._http.send_headers(stream, [*_HEADERS, *about], end_stream=True)
                self._flush()
                return
            self._http.send_headers(stream, _HEADERS)
            self._send(stream, b"\0" + len(body).to_bytes(4, "big") + body)
            self._http.send_headers(stream, [("grpc-status", status)], end_stream=True)
            self._flush()

    def _send(self, stream: int, data: bytes) -> None:
        """Send a body in frames, as the client's flow control lets us."""
        position = 0
        while position < len(data):
            room = min(self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size)
            if room <= 0:
                self._flush()
                self._window.wait(1)
                continue
            self._http.send_data(stream, data[position : position + room])
            position += room
        self._flush()

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data:
            self._wire.send(data)
