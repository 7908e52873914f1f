"""What a command knows of the socket it came from."""

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Connection:
    """Read from the signed ticket; `user_id` is 0 for a guest. Who holds `speaking` says her line first."""

    room_id: int
    room_public_id: str
    user_id: int
    user_public_id: str
    device: str
    language: str
    is_staff: bool
    is_counted: bool
    person: str
    phone_digest: bytes | None
    device_digest: bytes | None
    speaking: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False, repr=False)
