"""A server as it is reached from another machine: everything arrives half a round trip later, as much at a time as ever."""

from __future__ import annotations

import multiprocessing
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection


@contextmanager
def distant(port: int, round_trip: float) -> Iterator[int]:
    """A port on loopback that leads to another one, ``round_trip`` seconds away; a process of its own forwards."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(port, round_trip / 2, theirs), daemon=True
    )
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(port: int, delay: float, told: Connection) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    told.send(listener.getsockname()[1])
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for source, sink in ((client, server), (server, client)):
            for each in (source, sink):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            threading.Thread(target=_take, args=(source, way, delay), daemon=True).start()
            threading.Thread(target=_give, args=(sink, way), daemon=True).start()


def _take(source: socket.socket, way: queue.SimpleQueue[tuple[float, bytes]], delay: float) -> None:
    read = b"."
    while read:
        try:
            read = source.recv(1 << 18)
        except OSError:
            read = b""
        way.put((time.perf_counter() + delay, read))


def _give(sink: socket.socket, way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
    with suppress(OSError):
        while True:
            due, read = way.get()
            time.sleep(max(0.0, due - time.perf_counter()))
            if not read:
                sink.shutdown(socket.SHUT_RDWR)
                return
            sink.sendall(read)
