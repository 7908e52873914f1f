"""Who works in which room, with which powers, and how a door answers: a refresh for the page, a redirect without scripts."""

import json
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts import access
from accounts.models import User
from liveshop.refusals import Code, Refused
from rooms import stage
from rooms.models import Room, Show


@dataclass(frozen=True, slots=True)
class Desk:
    """One person's place in one room's studio. `may` has the names of her powers, for templates: `desk.may.pin`."""

    room: Room
    user: User
    is_owner: bool
    may: dict[str, bool] = field(default_factory=dict)
    host: str = ""

    @property
    def show(self) -> Show | None:
        """The running show, else the next planned one."""
        return stage.current_show(self.room)

    @property
    def is_running(self) -> bool:
        """Whether the room is on air or waits for its stream."""
        show = self.show
        return show is not None and show.state in stage.RUNNING


def enter(request: HttpRequest, slug: str) -> Desk:
    """The desk of the request's person in this room. Raises Refused: NOT_FOUND, LOGIN_REQUIRED, BANNED, or FORBIDDEN for outsiders."""
    room = Room.objects.select_related("anchor").filter(slug=slug).first()
    if room is None:
        raise Refused(Code.NOT_FOUND)
    user = request.user
    if not user.is_authenticated:
        raise Refused(Code.LOGIN_REQUIRED)
    powers = powers_in(user, room)
    if not powers:
        raise Refused(Code.FORBIDDEN, why=_("You do not work in this room"))
    access.require(user, access.Power.WATCH, room)
    return Desk(room=room, user=user, is_owner=room.anchor_id == user.pk, may=dict.fromkeys(powers, True), host=_host(request))


def _host(request: HttpRequest) -> str:
    """This site's name without its port."""
    host, colon, port = request.get_host().rpartition(":")
    return host if colon and port.isdecimal() else request.get_host()


def powers_in(user: User, room: Room) -> frozenset[str]:
    """What `user` may do in the studio of `room`: as its anchor, by grant, or as an operator."""
    own = access.ANCHOR_POWERS if room.anchor_id == user.pk else room.granted_powers(user.pk) & access.MODERATOR_POWERS
    return frozenset(str(power) for power in own | access.operator_powers(user))


def require(desk: Desk, power: access.Power) -> None:
    """For doors that only show something: raises Refused(FORBIDDEN) without the power."""
    if not desk.may.get(power):
        raise Refused(Code.FORBIDDEN, why=_("You do not have this right here"))


def done(request: HttpRequest, slug: str, *panels: str, said: str = "", undo: str = "") -> HttpResponse:
    """After an action: tells the page which panels to draw again, or sends a browser without scripts back to the studio."""
    if not request.headers.get("hx-request"):
        return redirect("studio", slug)
    news = {"panels": [*panels, "head"], "said": said, "undo": undo}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"studio": news})})
