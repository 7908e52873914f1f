"""The site map."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language
from django.views.static import serve

from liveshop import health, metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("i18n/setlang", set_language, name="set_language"),
    path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("traffic.urls")),
    path("", include("accounts.urls")),
    path("", include("catalog.urls")),
    path("", include("rooms.urls")),
    path("", include("campaigns.urls")),
    path("", include("orders.urls")),
    path("", include("alliance.urls")),
    # After traffic, whose live wall lies below admin/.
    path("admin/", admin.site.urls),
]
handler500 = "liveshop.middleware.failed"
