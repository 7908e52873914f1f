from django.urls import URLPattern, URLResolver, path

from traffic import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.feed, name="feed"),
    path("next/<slug:slug>", views.next_room, name="next_room"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]
