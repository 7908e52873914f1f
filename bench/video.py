"""`bin/bench video`: what a 720p stream costs to take in, mux and record, and what 100 viewers of it cost.

The encoder's work is done before: a film of 2 Mbit/s is streamed as it is. CPU is user and system time of the measured process, in
percent of one core. The rival hands the same stream on frame by frame, as HTTP-FLV does, from the same server in the same run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from bench._database import fresh
from bench._viewers import Viewers
from liveshop import servers

REPOSITORY = Path(__file__).resolve().parent.parent
GOAL_INGEST, GOAL_VIEWERS, GOAL_TIMES = 5.0, 8.0, 2.0
FILM_S, WIDTH, HEIGHT, FPS, KBPS = 8, 1280, 720, 25, 2000
PUSH = (
    "import sys, threading; from pathlib import Path; from demo.film import push; push(sys.argv[1], Path(sys.argv[2]), threading.Event())"
)


def main(argv: list[str]) -> int:
    """Print the table and the JSON line; 0 when both goals are reached and every viewer got the whole stream."""
    options = argparse.ArgumentParser(prog="bin/bench video")
    options.add_argument("--quick", action="store_true", help="6 s each instead of 15 s")
    seconds = 6.0 if options.parse_args(argv).quick else 15.0
    home = Path(tempfile.mkdtemp(prefix="liveshop-bench-video-", dir="/var/tmp"))
    try:
        with fresh():
            figures = measure(home, seconds)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    cheap = figures["ingest"] <= GOAL_INGEST and figures["per_100"] <= GOAL_VIEWERS and figures["times_per_frame"] >= GOAL_TIMES
    ok = cheap and figures["complete"]
    print(
        json.dumps(
            {"bench": "video", "ratio": figures["times_per_frame"], "goal": GOAL_TIMES, "goal_per_100": GOAL_VIEWERS, "ok": ok, **figures}
        )
    )
    return 0 if ok else 1


def measure(home: Path, seconds: float) -> dict[str, Any]:
    """All rows."""
    from tests import cast
    from tests.browser.site import free_port

    room = cast.make_room()
    os.environ |= {
        "LIVESHOP_HOME": str(home),
        "MEDIA_SERVER": f"unix:{home}/m.sock",
        "RTMP_PORT": str(free_port()),
        "RTMP_BIND": "127.0.0.1",
    }
    film = draw(home / "film.mp4")
    from rooms.video import keys

    address = f"rtmp://127.0.0.1:{os.environ['RTMP_PORT']}/live/{keys.make(room=room, by=room.anchor)}"
    print(f"{WIDTH}x{HEIGHT}, {FPS} pictures a second, {KBPS} kbit/s, AAC; percent of one core, over {seconds:.0f} s")
    with started([sys.executable, "manage.py", "livemedia"]) as media:
        await_true(lambda: room_is_open(int(os.environ["RTMP_PORT"])))
        with started([sys.executable, "-c", PUSH, address, str(film)]):
            await_true(lambda: room.streams.exclude(show=None).exists())
            time.sleep(3)
            ingest, kbps = cpu([media], seconds), film.stat().st_size * 8 // FILM_S // 1000
            print(f"{'ingest, mux, record':52}{ingest:7.1f} %   {kbps} kbit/s, {media.memory_info().rss / 1e6:.0f} MB")
            ours, whole = row("100 viewers, parts of 200 ms, Daphne", room, media, servers.daphne, seconds, 100, kbps)
            more, whole_more = row("300 viewers, parts of 200 ms, Daphne", room, media, servers.daphne, seconds, 300, kbps)
            fast, _ = row("100 viewers, parts of 200 ms, uvicorn", room, media, servers.uvicorn, seconds, 100, kbps)
            rival, _ = row(
                "100 viewers, frame by frame, Daphne",
                room,
                media,
                servers.daphne,
                seconds,
                100,
                kbps,
                "bench._per_frame_server:application",
            )
    return {
        "ingest": round(ingest, 1),
        "goal_ingest": GOAL_INGEST,
        "per_100": round(ours, 1),
        "per_100_of_300": round(more / 3, 1),
        "uvicorn_per_100": round(fast, 1),
        "per_frame_100": round(rival, 1),
        "times_per_frame": round(rival / max(ours, 0.1), 1),
        "complete": whole and whole_more,
    }


def row(
    name: str, room: Any, media: psutil.Process, server: Any, seconds: float, count: int, kbps: int, app: str = ""
) -> tuple[float, bool]:
    """CPU of the server beyond what it takes without viewers, and whether the viewers got what was sent."""
    from tests.browser.site import free_port
    from tests.sockets.conftest import make_ticket

    port = free_port()
    command = server(host="127.0.0.1", port=port)
    with started([app if app and part == servers.APPLICATION else part for part in command]) as serving:
        await_true(lambda: answers(port))
        time.sleep(2)
        idle = cpu([serving], 2)
        viewers = Viewers(port)
        viewers.join([f"/media/live/{room.public_id}?ticket={make_ticket(room, device=f'd{number}')}" for number in range(count)])
        drain(viewers, 3)
        viewers.received = dict.fromkeys(viewers.sockets, 0)
        before, began = times([serving]), time.monotonic()
        drain(viewers, seconds)
        elapsed = time.monotonic() - began
        busy = (times([serving]) - before) / elapsed * 100 - idle
        told = [received * 8 / elapsed / 1000 for received in viewers.received.values()]
        for connection in viewers.sockets.values():
            connection.close()
    whole = min(told) > kbps * 0.85
    print(f"{name:52}{busy:7.1f} %   {sum(told) / 1000:.0f} Mbit/s out, the least {min(told):.0f} kbit/s{'' if whole else '  INCOMPLETE'}")
    return busy, whole


def draw(film: Path) -> Path:
    """A film of steady bitrate, encoded before anything is measured."""
    from rooms.video.tests import encoder
    from rooms.video.tests.encoder import Source

    source = Source(seconds=FILM_S, width=WIDTH, height=HEIGHT, fps=FPS, keyframes=FPS, kbps=KBPS, noisy=True)
    encoder.write(str(film), source, "mp4")
    return film


@contextmanager
def started(command: list[str]) -> Iterator[psutil.Process]:
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def times(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def cpu(processes: list[psutil.Process], seconds: float) -> float:
    before, began = times(processes), time.monotonic()
    time.sleep(seconds)
    return (times(processes) - before) / (time.monotonic() - began) * 100


def drain(viewers: Viewers, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        viewers.read(0.05)


def room_is_open(port: int) -> bool:
    from rooms.models import MediaServer

    return MediaServer.objects.filter(rtmp_port=port).exists()


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def await_true(happened: Any, seconds: float = 40) -> None:
    """Raises RuntimeError."""
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            raise RuntimeError("the bench's servers did not start")
        time.sleep(0.1)
