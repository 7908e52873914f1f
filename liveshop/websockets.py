"""uvicorn's websocket protocol with one mend: a close within an unfinished message is a close, answered with its own code.

RFC 6455, 5.4, lets control frames come between the fragments of a message; websockets calls that close an error (Autobahn case 7.1.5).
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


class Connection(ServerProtocol):
    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # the message it cuts off is given up
        super().recv_frame(frame)


class Protocol(WebSocketsSansIOProtocol):
    """For `--ws liveshop.websockets:Protocol`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = Connection(extensions=self.conn.available_extensions, max_size=self.config.ws_max_size, logger=self.conn.logger)
