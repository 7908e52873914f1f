"""The first page and the card a phone's home screen is made of."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from accounts.models import User
from orders import readings, refunds
from rooms import reminders
from traffic import feed as reading


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """Live rooms, upcoming shows and past ones."""
    category = request.GET.get("c", "")
    user = request.user if request.user.is_authenticated else None
    shown = {"feed": reading.feed(user=user, category=category), "category": category}
    return render(request, "traffic/feed.html", shown | _news_of(user))


@require_safe
def reserved_shows(request: HttpRequest) -> HttpResponse:
    """The strip of what concerns the person: the open first page asks each minute."""
    return render(request, "traffic/_reserved.html", _news_of(request.user if request.user.is_authenticated else None))


def _news_of(user: User | None) -> dict[str, Any]:
    """The shows she reserved that are on now, and money on its way back that she has not been told of."""
    if user is None:
        return {}
    notices = [{"refund": refund, "text": readings.refund_notice(refund)} for refund in refunds.untold(user)]
    return {"reserved": reminders.begun(user), "refunds": notices}


@require_safe
def next_room(request: HttpRequest, slug: str) -> HttpResponse:
    """The live room after `slug` in the feed's order, round and round; the feed itself when there is no other."""
    after = reading.after(slug)
    return redirect("room", after) if after else redirect("feed")


@require_safe
@cache_control(public=True, max_age=86_400)
def manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest: liveshop on the home screen."""
    return JsonResponse(
        {
            "name": "liveshop",
            "short_name": "liveshop",
            "description": _("Live shopping straight from the source: watch, ask, and get it at the anchor’s price."),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f6f2ee",
            "theme_color": "#ffffff",
            "icons": [
                {"src": static("img/logo.svg"), "sizes": "any", "type": "image/svg+xml"},
                {"src": static("img/icon-192.png"), "sizes": "192x192", "type": "image/png"},
                {"src": static("img/icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
            ],
        },
        content_type="application/manifest+json",
    )


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it on pages that name no icon, such as the admin site's."""
    return redirect(static("img/icon-192.png"))
