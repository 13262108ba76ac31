"""Bounds the connections of scripts/serve: how many there are, and how slow a client can be.

uvicorn has no such limits. Clients that send a head or a body byte by byte, or do not read what
they requested, would hold connections until there are no file descriptors left.
"""

import asyncio
import errno
import json
import logging
import os
import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

MAX_HEADER_BYTES = 1_000_000  # of a request; a filter in the query may list 1,000 values
MAX_CONNECTIONS = 500
# The server waits 20 s in all for a head, for a body, or for a client to read its response, and one
# second more for every 16,000 bytes that move: 20 MB can take 21 minutes.
GRACE_S = 20.0
LEAST_BYTES_PER_S = 16_000
_CHECK_EVERY_S = 1.0
_OTHER_FILES = 100  # open in this process: index, model, fetches
_FILES_PER_CONNECTION = 3  # itself, a picture or form on disk, and one that was just accepted
_LOG_EVERY_S = 60.0
_NO_SPARE_WAIT_S = 0.1


def bounded_server(app: Any, *, proxies: Sequence[str] = (), **options: Any) -> uvicorn.Server:
    """Return a server whose connections are bounded; give it a `Listener`.

    Only these proxies can say whom they forward; uvicorn alone would believe this machine.
    """
    most = _raise_file_limit()
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=type("BoundedConnection", (Connection,), {"most": most}),
        server_header=False,
        access_log=False,  # functions/api/monitoring.py writes a better one
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        backlog=min(most, 128),  # asyncio accepts as many at once
        reset_contextvars=True,  # else a request can start in the context of the one before
        **options,
    )
    return uvicorn.Server(config)


def _raise_file_limit() -> int:
    """Allow this process the files that it needs, and return how many connections fit."""
    wanted = MAX_CONNECTIONS * _FILES_PER_CONNECTION + _OTHER_FILES
    if os.name == "nt":
        return MAX_CONNECTIONS  # sockets are no files there
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_CONNECTIONS
    files = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, (files - _OTHER_FILES) // _FILES_PER_CONNECTION)


class Connection(H11Protocol):
    """One connection, closed if there are too many or if its client is too slow."""

    most = MAX_CONNECTIONS
    _timer: asyncio.TimerHandle | None = None
    _awaited: object = None  # what the client is to do
    _waited_s = 0.0  # for that
    _moved_bytes = 0
    _unsent_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Start watching, or refuse the connection."""
        super().connection_made(transport)
        # A request goes on for a while after its client has left, so both are counted.
        if max(len(self.connections), len(self.tasks)) > self.most:
            detail = "Too many requests are in progress; send this one again"
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail)
        else:
            self._timer = self.loop.call_later(_CHECK_EVERY_S, self._check)

    def data_received(self, data: bytes) -> None:
        """Count what moves."""
        self._moved_bytes += len(data)
        if not self.transport.is_closing():
            super().data_received(data)

    def resume_writing(self) -> None:
        """Start counting anew: the client has read enough."""
        super().resume_writing()
        self._awaited = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _check(self) -> None:
        self._timer = self.loop.call_later(_CHECK_EVERY_S, self._check)
        awaited, unsent = self._awaits(), self.transport.get_write_buffer_size()
        self._moved_bytes += max(0, self._unsent_bytes - unsent)
        self._unsent_bytes = unsent
        if awaited is None:
            return
        if awaited != self._awaited:
            self._awaited, self._waited_s, self._moved_bytes = awaited, 0.0, 0
        self._waited_s += _CHECK_EVERY_S
        # The rest of a body that was answered already is only read so that the answer arrives.
        moved_bytes = 0 if self._is_answered else self._moved_bytes
        if self._waited_s > GRACE_S + moved_bytes / LEAST_BYTES_PER_S:
            self._cut_off()

    def _awaits(self) -> object:
        """Return what the server waits for; None while it is busy itself."""
        if self.flow.write_paused or self.transport.is_closing():
            return "reading"
        if self.flow.read_paused or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            return None
        return self.conn.their_state, self.cycle, self._is_answered

    @property
    def _is_answered(self) -> bool:
        """Whether the response to a body that is still arriving has begun."""
        return self.conn.their_state is h11.SEND_BODY and self.cycle.response_started

    def _cut_off(self) -> None:
        if self._awaited == "reading" or self._is_answered or self._moved_bytes == 0:
            self.transport.abort()
        else:
            detail = "The request arrived too slowly; send it again"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request-timeout", detail)

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        request_id = uuid.uuid4().hex
        client = self.client[0] if self.client else "none"
        log.info("refused client=%s status=%d code=%s id=%s", client, status, code, request_id)
        problem = {
            "type": f"urn:lookalike:problem:{code}",
            "title": code.replace("-", " ").capitalize(),
            "status": status,
            "detail": detail,
            "code": code,
            "request_id": request_id,
        }
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class Listener(socket.socket):
    """A listening socket that turns callers away while no file descriptor is left.

    asyncio would keep trying to accept them, and log every try.
    """

    _spare: int | None = None
    _log_again_at = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; raises BlockingIOError if there is none that can be served."""
        try:
            if self._spare is None:
                self._spare = os.open(os.devnull, os.O_RDONLY)
            return super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._turn_away()
            raise BlockingIOError(errno.EAGAIN, "no file descriptor is left") from error

    def _turn_away(self) -> None:
        """Accept one caller with the spare descriptor, and hang up."""
        if time.monotonic() > self._log_again_at:
            self._log_again_at = time.monotonic() + _LOG_EVERY_S
            log.error("No file descriptor is left; callers are turned away. Raise ulimit -n")
        if self._spare is None:  # the rest of the process has it
            time.sleep(_NO_SPARE_WAIT_S)
            return
        os.close(self._spare)
        self._spare = None
        with suppress(OSError):
            super().accept()[0].close()
            self._spare = os.open(os.devnull, os.O_RDONLY)
