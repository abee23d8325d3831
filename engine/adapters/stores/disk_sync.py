"""fdatasync(2) from an event loop, without a thread: Linux's asynchronous input and output (io_submit(2), IOCB_CMD_FDSYNC).

A thread that waits for the disk must be woken, and get the interpreter's lock before it begins and again at its end; while others keep
that lock busy it gets it late. Here the kernel does the waiting, and tells an eventfd(2) that the event loop watches. Python has no
module for it, so the four calls are made by number.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class _Calls(NamedTuple):
    """Numbers of system calls."""

    setup: int
    destroy: int
    submit: int
    getevents: int


_CALLS = {"x86_64": _Calls(206, 207, 209, 208), "aarch64": _Calls(0, 1, 2, 4)}
_FDSYNC = 3  # IOCB_CMD_FDSYNC
_TELL = 1  # IOCB_FLAG_RESFD


class _Iocb(ctypes.Structure):
    """struct iocb of linux/aio_abi.h, on a little-endian machine."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("rw_flags", ctypes.c_int32),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("descriptor", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("octets", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("told", ctypes.c_uint32),
    )


class _Event(ctypes.Structure):
    """struct io_event."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("iocb", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    )


class DiskSync:
    """Makes what was written to one file durable, one sync at a time. It belongs to the running event loop.

    ``fault`` gives what to raise when a sync has failed. Raises OSError where the system has no such thing.
    """

    def __init__(self, descriptor: int, fault: Callable[[OSError], Exception]) -> None:
        calls = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
        if calls is None:
            raise OSError("no asynchronous fdatasync on this system")
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._call = ctypes.PyDLL(None, use_errno=True).syscall  # keeps the interpreter's lock: it takes moments
        self._context = ctypes.c_ulong()
        one, none = ctypes.c_long(1), ctypes.c_long(0)
        self._made(self._call(ctypes.c_long(calls.setup), one, ctypes.byref(self._context)))
        self._told = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._iocb = _Iocb(opcode=_FDSYNC, descriptor=descriptor, flags=_TELL, told=self._told)
        self._event = _Event()
        iocbs = (ctypes.POINTER(_Iocb) * 1)(ctypes.pointer(self._iocb))
        self._submit = ctypes.c_long(calls.submit), self._context, one, iocbs
        self._reap = ctypes.c_long(calls.getevents), self._context, none, one, ctypes.byref(self._event), None
        self._destroy = ctypes.c_long(calls.destroy), self._context
        self._done: asyncio.Future[None] | None = None
        self._loop.add_reader(self._told, self._ended)

    def __call__(self) -> asyncio.Future[None]:
        """Begin a sync; the future is done when it has ended."""
        done = self._done = self._loop.create_future()
        try:
            self._made(self._call(*self._submit))
        except OSError as fault:
            self._done = None
            done.set_exception(self._fault(fault))
        return done

    def close(self) -> None:
        """Waits for a sync that is under way."""
        self._loop.remove_reader(self._told)
        self._call(*self._destroy)
        os.close(self._told)

    def _ended(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._told)
        if self._made(self._call(*self._reap)) == 0:
            return
        done, self._done = self._done, None
        if done is None or done.done():
            return
        if self._event.result < 0:
            error = -self._event.result
            done.set_exception(self._fault(OSError(error, os.strerror(error))))
        else:
            done.set_result(None)

    @staticmethod
    def _made(result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result


def sync(path: Path) -> None:
    """A file or folder is on the disk when this returns; a file's name is durable only when its folder is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
