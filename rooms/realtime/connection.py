"""What a command knows of the socket it came from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """Read from the signed ticket; `user_id` is 0 for a guest."""

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
