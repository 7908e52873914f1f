"""Does Redis answer? For `/readyz`, the live wall and `bin/run`."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PING_S = 0.5


def is_away(url: str) -> bool:
    """Whether Redis at this address does not answer now; asked anew each time, for at most half a second."""
    client = redis.Redis.from_url(url, socket_connect_timeout=PING_S, socket_timeout=PING_S, retry=Retry(NoBackoff(), 0))
    try:
        client.ping()
    except (redis.RedisError, OSError):
        return True
    finally:
        client.close()
    return False
