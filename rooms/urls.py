from django.urls import URLPattern, URLResolver, include, path

from rooms import posters, views
from rooms.video import views as video
from rooms.video.external import doors as external

urlpatterns: list[URLPattern | URLResolver] = [
    path("internal/media/<str:server>", external.callback, name="media_callback"),
    path("live/<slug:slug>", views.room, name="room"),
    path("live/<slug:slug>/ticket", views.ticket, name="room_ticket"),
    path("live/<slug:slug>/catchup", views.catchup, name="room_catchup"),
    path("live/<slug:slug>/chat", views.say, name="room_say"),
    path("live/<slug:slug>/follow", views.follow, name="room_follow"),
    path("live/<slug:slug>/reserve", views.reserve, name="room_reserve"),
    path("live/<slug:slug>/corner", views.corner, name="room_corner"),
    path("live/<slug:slug>/share", views.share, name="room_share"),
    path("live/<slug:slug>/poster", posters.room_poster, name="room_poster"),
    path("live/<slug:slug>/cover.jpg", video.room_cover, name="room_cover"),
    path("live/<slug:slug>/shows/<str:show>", video.replay, name="replay"),
    path("live/<slug:slug>/shows/<str:show>/film.json", video.film_json, name="replay_film"),
    path("live/<slug:slug>/shows/<str:show>/index.m3u8", video.film_playlist, name="replay_playlist"),
    path("live/<slug:slug>/shows/<str:show>/<int:number>", video.clip, name="clip"),
    path("live/<slug:slug>/shows/<str:show>/cover.jpg", video.replay_cover, name="replay_cover"),
    path("live/<slug:slug>/shows/<str:show>/<int:number>/cover.jpg", video.replay_cover, name="clip_cover"),
    path("live/<slug:slug>/shows/<str:show>/<int:number>/poster", posters.clip_poster, name="clip_poster"),
    path("recordings/<str:public_id>.mp4", video.recording, name="recording"),
    path("screen/<slug:slug>", views.screen, name="screen"),
    path("tv", views.tv, name="tv"),
    path("tv/<str:code>", views.tv, name="tv_code"),
    path("studio/", include("rooms.studio.urls")),
]
