from django.urls import URLPattern, URLResolver, path

from traffic import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.feed, name="feed"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]
