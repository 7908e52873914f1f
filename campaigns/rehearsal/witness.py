"""What the anchor did on the stage, read from its rows: when she pinned, announced and opened, and what she wrote."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from campaigns.models import Claim, Deal, DealState, Rehearsal
from campaigns.rehearsal.scoring import Conduct
from liveshop.clock import now
from rooms.models import ChatLine, Room, RoomEvent

ANNOUNCES = re.compile(r"福利|一元|1\s*元|一块|抢|开始|倒计时|倒数|准备|上车|扣1|drop|deal|ready|countdown|seconds", re.IGNORECASE)
UNITS = re.compile(r"(\d+|[一二三四五六七八九十百]+)\s*(份|件|单|个|箱|盒|套|台|units?|pieces?)", re.IGNORECASE)
CHINESE = "零一二三四五六七八九十"
QUESTION = re.compile(r"[?？吗呢]|多少|什么|怎么|几")
ANSWERED_WITHIN = timedelta(seconds=30)
AFTER_WITHIN = timedelta(seconds=20)


def conduct(rehearsal: Rehearsal, stage: Room) -> Conduct:
    """The anchor's part of the score. Moderators' words count as hers: the viewers hear one voice."""
    lines = list(ChatLine.objects.filter(room=stage, user__isnull=False).select_related("user").order_by("pk"))
    own = [line for line in lines if not _is_crowd(rehearsal, line)]
    asked = [line.at for line in lines if _is_crowd(rehearsal, line) and QUESTION.search(line.text)]
    began = rehearsal.started_at or rehearsal.created_at
    deal = pressed_deal(stage)
    opens_at = deal.starts_at if deal is not None else None
    spoken = [line.at for line in own]
    said_at = [began, *spoken, *_deeds(stage), now()]
    facts = Conduct(
        total=rehearsal.total,
        own_lines=len(own),
        longest_silence_s=max((later - earlier).total_seconds() for earlier, later in _pairs(sorted(said_at))),
        questions=len(asked),
        answered=sum(any(at < word <= at + ANSWERED_WITHIN for word in spoken) for at in asked),
        says_price=any(_names_price(line.text, rehearsal.price_fen) for line in own),
        says_units=any(UNITS.search(line.text) for line in own),
    )
    if deal is None or opens_at is None or opens_at > now():
        return facts
    return _with_opening(facts, deal, opens_at, own, stage)


def pressed_deal(stage: Room) -> Deal | None:
    """The drop that was opened; of several the first."""
    shown = [DealState.PUBLISHED, DealState.FROZEN, DealState.ENDED]
    return Deal.objects.filter(room=stage, state__in=shown, starts_at__isnull=False).order_by("starts_at").first()


def event_times(stage: Room) -> dict[int, tuple[str, datetime]]:
    """seq → kind and moment, to tell how long each took to reach the crowd."""
    rows = RoomEvent.objects.filter(room=stage).values_list("seq", "kind", "at")
    return {seq: (kind, at) for seq, kind, at in rows}


def _with_opening(facts: Conduct, deal: Deal, opens_at: datetime, own: Sequence[ChatLine], stage: Room) -> Conduct:
    pressed = RoomEvent.objects.filter(room=stage, kind="drop_pressed", at__lte=opens_at).order_by("-seq").first()
    pinned = RoomEvent.objects.filter(room=stage, kind="pinned", at__lte=opens_at).order_by("seq").first()
    announced = next((line.at for line in own if line.at < opens_at and ANNOUNCES.search(line.text)), None)
    over_at = deal.sold_out_at or deal.ends_at
    return Conduct(
        **{name: getattr(facts, name) for name in facts.__slots__}
        | {
            "is_opened": True,
            "won": Claim.objects.filter(deal=deal, state__in=[1, 2, 3]).count(),
            "countdown_s": _before(opens_at, pressed.at if pressed else None),
            "announced_before_s": _before(opens_at, announced),
            "pinned_before_s": _before(opens_at, pinned.at if pinned else None),
            "sold_out_s": (deal.sold_out_at - opens_at).total_seconds() if deal.sold_out_at else None,
            "spoke_after": over_at is not None and any(over_at <= line.at <= over_at + AFTER_WITHIN for line in own),
        }
    )


def _is_crowd(rehearsal: Rehearsal, line: ChatLine) -> bool:
    return line.user is not None and line.user.username.startswith(f"rehearsal-{rehearsal.public_id}-")


def _deeds(stage: Room) -> list[datetime]:
    """What viewers saw her do: a drop that opens itself and one that sells out are no deeds."""
    return list(RoomEvent.objects.filter(room=stage, actor__isnull=False).values_list("at", flat=True))


def _names_price(text: str, price_fen: int) -> bool:
    """`1元`, `¥1`, `9.9 块`, `一块`: the price itself, not another."""
    yuan = f"{price_fen / 100:.2f}".rstrip("0").rstrip(".")
    words = [re.escape(yuan)]
    if price_fen % 100 == 0 and price_fen // 100 < len(CHINESE):
        words.append(CHINESE[price_fen // 100])
    number = "|".join(words)
    return (
        re.search(rf"(?<![\d.])(?:{number})(?:\.0+)?\s*(?:元|块|yuan|rmb)|[¥￥]\s*(?:{number})(?![\d.])", text, re.IGNORECASE) is not None
    )


def _before(opens_at: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else (opens_at - moment).total_seconds()


def _pairs(moments: list[datetime]) -> list[tuple[datetime, datetime]]:
    return list(pairwise(moments))
