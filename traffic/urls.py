from django.urls import URLPattern, URLResolver, path

from traffic import desk, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.feed, name="feed"),
    path("reserved", views.reserved_shows, name="reserved_shows"),
    path("next/<slug:slug>", views.next_room, name="next_room"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("admin/wall", desk.wall_view, name="wall"),
    path("admin/wall/rooms/<slug:slug>", desk.steer_room, name="wall_room"),
    path("admin/wall/deals/<str:public_id>", desk.steer_deal, name="wall_deal"),
]
