"""Planned shows: those that may still begin."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from rooms.models import Room, Show, ShowState

WAITING = (ShowState.UPCOMING, ShowState.PREFLIGHT)
LAPSES = timedelta(hours=2)  # a plan that nobody came for neither begins by itself nor stands on the stage any more


def planned(room: Room) -> QuerySet[Show]:
    """The room's planned shows, the next one first."""
    waiting = Show.objects.filter(room=room, state__in=WAITING).exclude(planned_at__lt=timezone.now() - LAPSES)
    return waiting.order_by("planned_at", "pk")
