"""The studio's buttons for chat and people: each checks its form and calls one action of `rooms.moderation`."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import access
from accounts.models import Sanction, User
from accounts.nicknames import fold
from liveshop.refusals import Code, Refused
from rooms import moderation
from rooms.models import ChatLine, ChatState, Room
from rooms.studio.desk import done, enter, require


@require_POST
def delete(request: HttpRequest, slug: str, line: str) -> HttpResponse:
    desk = enter(request, slug)
    found = _line(desk.room, line)
    was_shown = found.state == ChatState.SHOWN  # who rejects a held line must not publish it by taking that back
    moderation.delete_line(room=desk.room, line=found, by=desk.user)
    return done(request, slug, said=_("Line deleted"), undo=reverse("studio_restore", args=[slug, line]) if was_shown else "")


@require_POST
def approve(request: HttpRequest, slug: str, line: str) -> HttpResponse:
    desk = enter(request, slug)
    moderation.approve_line(room=desk.room, line=_line(desk.room, line), by=desk.user)
    return done(request, slug)


@require_POST
def restore(request: HttpRequest, slug: str, line: str) -> HttpResponse:
    desk = enter(request, slug)
    moderation.restore_line(room=desk.room, line=_line(desk.room, line), by=desk.user)
    return done(request, slug, said=_("The line is back"))


@require_POST
def mute(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    """Mute for some minutes by a rule; the line that broke it goes along as evidence and is taken away when asked."""
    desk = enter(request, slug)
    require(desk, access.Power.MUTE)
    user, line = _target(request, desk.room, public_id)
    minutes = _number(request.POST.get("minutes", ""))
    sanction = moderation.mute(room=desk.room, user=user, by=desk.user, minutes=minutes, rule=_rule(request), line=line)
    said = _("%(who)s is muted") % {"who": user.nickname}
    return done(request, slug, "sanctions", "log", said=said, undo=reverse("studio_lift", args=[slug, sanction.public_id]))


@require_POST
def ban(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    desk = enter(request, slug)
    require(desk, access.Power.BAN)
    user, line = _target(request, desk.room, public_id)
    sanction = moderation.ban(room=desk.room, user=user, by=desk.user, rule=_rule(request), line=line)
    said = _("%(who)s is banned from this room") % {"who": user.nickname}
    return done(request, slug, "sanctions", "log", said=said, undo=reverse("studio_lift", args=[slug, sanction.public_id]))


@require_POST
def lift(request: HttpRequest, slug: str, sanction: str) -> HttpResponse:
    desk = enter(request, slug)
    found = get_object_or_404(Sanction, public_id=sanction, scope=f"room:{desk.room.public_id}")
    moderation.unmute(room=desk.room, sanction=found, by=desk.user, reason=_("taken back"))
    return done(request, slug, "sanctions", "log", said=_("Lifted"))


@require_POST
def modes(request: HttpRequest, slug: str) -> HttpResponse:
    """Switch what was sent: slow mode in seconds, the others as 0 or 1."""
    desk = enter(request, slug)
    sent = request.POST
    moderation.set_modes(
        room=desk.room,
        by=desk.user,
        slow_mode_s=_number(sent["slow_mode_s"]) if "slow_mode_s" in sent else None,
        followers_only=sent["followers_only"] == "1" if "followers_only" in sent else None,
        hold_for_approval=sent["hold_for_approval"] == "1" if "hold_for_approval" in sent else None,
    )
    return done(request, slug, "modes", "log")


@require_POST
def words(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a word, or remove one (`remove`)."""
    desk = enter(request, slug)
    if "remove" in request.POST:
        moderation.remove_word(room=desk.room, word=request.POST["remove"], by=desk.user)
    else:
        moderation.add_word(room=desk.room, word=request.POST.get("word", ""), action=request.POST.get("action", "hold"), by=desk.user)
    return done(request, slug, "words", "modes", "log")


@require_POST
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a person a moderator by her nickname or phone, with the ticked powers, for some hours or until revoked."""
    desk = enter(request, slug)
    require(desk, access.Power.GRANT_MODERATOR)
    who = request.POST.get("who", "").strip()
    user = User.objects.filter(nickname_folded=fold(who)).first() if who else None
    if user is None:
        raise Refused(Code.INVALID, why=_("Nobody has this nickname"))
    hours = request.POST.get("hours", "")
    until = timezone.now() + timedelta(hours=_number(hours)) if hours else None
    moderation.grant_moderator(room=desk.room, user=user, powers=request.POST.getlist("powers"), by=desk.user, expires_at=until)
    return done(request, slug, "moderators", "log", said=_("%(who)s is a moderator now") % {"who": user.nickname})


@require_POST
def revoke(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    desk = enter(request, slug)
    moderation.revoke_moderator(room=desk.room, user=get_object_or_404(User, public_id=public_id), by=desk.user)
    return done(request, slug, "moderators", "log")


def _line(room: Room, public_id: str) -> ChatLine:
    return get_object_or_404(ChatLine.objects.select_related("user"), room=room, public_id=public_id)


def _target(request: HttpRequest, room: Room, public_id: str) -> tuple[User, ChatLine | None]:
    user = get_object_or_404(User, public_id=public_id)
    named = request.POST.get("line", "")
    return user, _line(room, named) if named else None


def _rule(request: HttpRequest) -> str:
    return request.POST.get("rule_other", "").strip() or request.POST.get("rule", "")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise Refused(Code.INVALID, why=text[:20])
    return int(text)
