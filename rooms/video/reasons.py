"""Why a stream was refused, cut or is not well: kept as `code` or `code:detail`, told to the anchor in her language."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

REASONS: dict[str, str] = {
    "unpublished": gettext_noop("The encoder stopped streaming"),
    "lost": gettext_noop("The connection to the encoder was lost"),
    "silent": gettext_noop("The encoder sent nothing for a while"),
    "taken_over": gettext_noop("A newer stream took over"),
    "key_changed": gettext_noop("The stream key was changed"),
    "show_ended": gettext_noop("The show is over"),
    "room_banned": gettext_noop("The platform closed the room"),
    "codec": gettext_noop("%(detail)s is not supported: choose H.264 video and AAC sound"),
    "too_large": gettext_noop("The picture is larger than 1080p (%(detail)s)"),
    "no_video": gettext_noop("No picture arrived within ten seconds"),
    "no_keyframe": gettext_noop("No keyframe arrives: set the keyframe interval to 2 s"),
    "too_fast": gettext_noop("More than %(detail)s Mbit/s: lower the bitrate"),
    "damaged": gettext_noop("The stream is damaged"),
    "protocol": gettext_noop("The encoder does not speak RTMP as we do"),
    "too_long": gettext_noop("The stream reached the longest duration allowed"),
    "camera_closed": gettext_noop("The camera was switched off"),
    "camera_failed": gettext_noop("The browser’s video could not be read"),
    "too_many": gettext_noop("Too many cameras are being converted: use Chrome, Edge or Safari, or an encoder"),
    "process_gone": gettext_noop("The media server was restarted"),
    "disk_full": gettext_noop("The recording stopped: the disk is full"),
    "disk_failed": gettext_noop("The recording stopped: the disk does not take it"),
    "stopping": gettext_noop("The site is being restarted"),
}


def reason(code: str, detail: str = "") -> str:
    """As it is stored. Raises KeyError for an unknown code."""
    REASONS[code]
    return f"{code}:{detail}"[:120] if detail else code


def sentence(stored: str) -> str:
    """For the anchor, in the active language."""
    code, _colon, detail = stored.partition(":")
    text = REASONS.get(code)
    return _(text) % {"detail": detail} if text else stored


def plain(stored: str) -> str:
    """For an encoder's log, which knows no languages."""
    code, _colon, detail = stored.partition(":")
    return REASONS.get(code, code) % {"detail": detail}
