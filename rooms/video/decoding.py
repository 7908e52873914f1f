"""The parent's side of `decoder.py`: the process where strangers' pictures and sound are decoded, and what is asked of it."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import structlog

from rooms.video.decoder import ANSWER, ASKED, LARGEST, LOUDNESS, MOST_BYTES, PICTURE, SOUND

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 4.0
ANSWERED_BY_ONE = 2000  # a process is replaced before anything it may have lost adds up
log = structlog.get_logger(__name__)


class Decoder:
    """The decoding process, started when first needed and again when it died, was too slow, or has answered enough."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._answered = 0

    async def picture(self, init: bytes, part: bytes) -> bytes:
        """A keyframe as a JPEG of at most `MOST_BYTES`; empty when it cannot be drawn."""
        return await self._ask(PICTURE, init, part)

    async def loudness(self, init: bytes, parts: bytes) -> float | None:
        """The mean power of the parts' sound in dBFS; None when it cannot be heard."""
        told = await self._ask(SOUND, init, parts)
        return float(LOUDNESS.unpack(told)[0]) if len(told) == LOUDNESS.size else None

    async def stop(self) -> None:
        if process := self._kill():
            await process.wait()

    async def _ask(self, wanted: bytes, init: bytes, parts: bytes) -> bytes:
        if len(init) + len(parts) > LARGEST:
            return b""
        async with self._turn:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    return await self._answer(ASKED.pack(wanted, len(init), len(parts)) + init + parts)
            except (TimeoutError, OSError, EOFError) as error:
                log.warning("decoding_failed", wanted=wanted.decode(), error=type(error).__name__)
                await self.stop()
                return b""
            except asyncio.CancelledError:
                self._kill()  # else the next question would read this one's answer
                raise

    async def _answer(self, asked: bytes) -> bytes:
        if self._answered >= ANSWERED_BY_ONE:
            await self.stop()
        if self._process is None:
            self._process, self._answered = await _started(), 0
        assert self._process.stdin
        assert self._process.stdout
        self._answered += 1
        self._process.stdin.write(asked)
        await self._process.stdin.drain()
        (size,) = ANSWER.unpack(await self._process.stdout.readexactly(ANSWER.size))
        if size > MOST_BYTES:
            raise EOFError
        return await self._process.stdout.readexactly(size)

    def _kill(self) -> asyncio.subprocess.Process | None:
        process, self._process = self._process, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return process


async def _started() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rooms.video.decoder"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=REPOSITORY,
        env=environment(),
    )


def environment() -> dict[str, str]:
    """What a process that meets strangers' bytes may know: where Python's modules are."""
    return {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LANG": "C.UTF-8"}
