from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest


@dataclass
class Talk:
    """A raw conversation with an SMTP server: what a client says, and the replies."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def __aenter__(self) -> Talk:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await asyncio.wait((asyncio.ensure_future(self.writer.wait_closed()),))

    def say(self, said: bytes) -> None:
        self.writer.write(said)

    async def hear(self) -> bytes:
        """One reply, all its lines; nothing when the server has hung up."""
        heard = b""
        while True:
            line = await self.reader.readline()
            heard += line
            if line[3:4] != b"-":
                return heard

    async def ask(self, said: bytes) -> bytes:
        self.say(said)
        return await self.hear()


async def _talk_to(port: int) -> Talk:
    talk = Talk(*await asyncio.open_connection("127.0.0.1", port))
    assert (await talk.hear()).startswith(b"220 ")
    return talk


@pytest.fixture
def talk_to():
    """``async with await talk_to(port) as talk``, past the greeting."""
    return _talk_to
