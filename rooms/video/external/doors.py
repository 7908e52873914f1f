"""Where media servers call: only the secret opens it, everything else is told nothing but 403."""

import hmac

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from rooms.video.external import calls, intake, publishing
from rooms.video.external.calls import BadCall, Call, Kind

log = structlog.get_logger(__name__)


@csrf_exempt
@never_cache
def callback(request: HttpRequest, server: str) -> HttpResponse:
    """A call of the media server: 2xx lets a publisher in and thanks for the rest, 403 does not."""
    if not _knows_the_secret(request) or server != settings.EXTERNAL_SERVER or request.method != "POST":
        return HttpResponse(status=403)
    try:
        call = calls.read(server, request.body)
        is_welcome = _heed(call)
    except BadCall as wrong:
        log.warning("media_call_not_understood", server=server, why=str(wrong))
        is_welcome = False
    return _answer(server, is_welcome)


def _heed(call: Call) -> bool:
    if call.kind == Kind.PUBLISH:
        return publishing.publish(call)
    if call.kind == Kind.UNPUBLISH:
        publishing.unpublish(call)
    elif call.kind == Kind.RECORDED:
        intake.announce(call)
    return call.kind != Kind.REFUSED


def _knows_the_secret(request: HttpRequest) -> bool:
    if settings.VIDEO_TIER != "external" or not settings.EXTERNAL_HOOK_SECRET:
        return False
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    given = token if scheme == "Bearer" else request.GET.get("secret", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), settings.EXTERNAL_HOOK_SECRET.encode())


def _answer(server: str, is_welcome: bool) -> HttpResponse:
    """SRS reads a code in JSON, the others the status alone."""
    status = 200 if is_welcome else 403
    return JsonResponse({"code": 0 if is_welcome else status}, status=status) if server == "srs" else HttpResponse(status=status)
