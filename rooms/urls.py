from django.urls import URLPattern, URLResolver, include, path

from rooms import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("live/<slug:slug>", views.room, name="room"),
    path("live/<slug:slug>/ticket", views.ticket, name="room_ticket"),
    path("live/<slug:slug>/catchup", views.catchup, name="room_catchup"),
    path("live/<slug:slug>/chat", views.say, name="room_say"),
    path("live/<slug:slug>/follow", views.follow, name="room_follow"),
    path("live/<slug:slug>/reserve", views.reserve, name="room_reserve"),
    path("live/<slug:slug>/share", views.share, name="room_share"),
    path("studio/", include("rooms.studio.urls")),
]
