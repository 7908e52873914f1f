"""What the hub counts for `/metrics`. The hot path raises plain numbers; counters follow when somebody asks."""

from collections import Counter as Counted
from collections import defaultdict

from prometheus_client import Counter, Gauge

from liveshop.metrics import follow

SOCKETS = Gauge("liveshop_sockets", "Open room sockets of this process", multiprocess_mode="liveall")
WRITERS = Gauge(
    "liveshop_sockets_by_writer", "The same by how they are written to; portable: the slow way", ["writer"], multiprocess_mode="liveall"
)
ROOMS = Gauge("liveshop_rooms", "Rooms with sockets in this process", multiprocess_mode="liveall")
BEHIND = Gauge("liveshop_sockets_behind", "Sockets that wait for a snapshot", multiprocess_mode="liveall")
LAYER_AWAY = Gauge("liveshop_layer_away", "1 while Redis is away and talk goes through the database", multiprocess_mode="liveall")
BUS_AWAY = Gauge("liveshop_bus_away", "1 while this process does not hear the database's notices", multiprocess_mode="liveall")
JOINS = Counter("liveshop_joins_total", "Sockets that joined a room")
REFUSED_JOINS = Counter("liveshop_joins_refused_total", "Sockets beyond what one person or one address may hold")
CLOSES = Counter("liveshop_closes_total", "Sockets closed by the site; 4008: too slow, 1012: restart", ["code"])
DELIVERIES = Counter("liveshop_deliveries_total", "Frames written to sockets")
DROPPED = Counter("liveshop_dropped_total", "Frames that slow sockets went without", ["lane"])


class Tally:
    """Plain numbers of this process."""

    __slots__ = ("delivered", "dropped")

    def __init__(self) -> None:
        self.delivered = 0
        self.dropped: dict[str, int] = defaultdict(int)


tally = Tally()


def sample() -> None:
    """Write the present figures down."""
    from liveshop.bus import bus
    from rooms.realtime.hub import hub

    members = [member for room in list(hub.rooms.values()) for member in room.everyone()]
    SOCKETS.set(len(members))
    writers = Counted(member.sink.name for member in members)
    for writer in ("daphne", "uvicorn", "portable"):
        WRITERS.labels(writer).set(writers[writer])
    ROOMS.set(len(hub.rooms))
    BEHIND.set(sum(member.is_behind for member in members))
    LAYER_AWAY.set(hub.layer.is_away)
    BUS_AWAY.set(hub.loop is not None and not bus.is_listening.is_set())
    follow(DELIVERIES, tally.delivered)
    for lane in ("AMBIENCE", "TALK", "STATE"):
        follow(DROPPED.labels(lane.lower()), tally.dropped[lane])
