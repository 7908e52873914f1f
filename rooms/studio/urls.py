"""Addresses of the studio."""

from django.urls import path

from rooms.studio import acts, keeping, pages
from rooms.video import desk as video

urlpatterns = [
    path("", pages.home, name="studio_home"),
    path("new", acts.open_room, name="studio_new"),
    path("<slug:slug>", pages.studio, name="studio"),
    path("<slug:slug>/ticket", pages.ticket, name="studio_ticket"),
    path("<slug:slug>/panel/<slug:name>", pages.panel, name="studio_panel"),
    path("<slug:slug>/rows/<slug:name>", pages.rows, name="studio_rows"),
    path("<slug:slug>/shows/<str:public_id>", pages.report, name="studio_report"),
    path("<slug:slug>/plan", acts.plan, name="studio_plan"),
    path("<slug:slug>/plan/<str:show>/cancel", acts.cancel, name="studio_cancel"),
    path("<slug:slug>/live", acts.go_live, name="studio_live"),
    path("<slug:slug>/interrupt", acts.interrupt, name="studio_interrupt"),
    path("<slug:slug>/resume", acts.resume, name="studio_resume"),
    path("<slug:slug>/end", acts.end, name="studio_end"),
    path("<slug:slug>/key", video.new_key, name="studio_key"),
    path("<slug:slug>/camera", video.camera_ticket, name="studio_camera"),
    path("<slug:slug>/cover", acts.cover, name="studio_cover"),
    path("<slug:slug>/pin/<str:item>", acts.pin, name="studio_pin"),
    path("<slug:slug>/unpin", acts.unpin, name="studio_unpin"),
    path("<slug:slug>/goods", pages.goods, name="studio_goods"),
    path("<slug:slug>/add/<str:product>", acts.add, name="studio_add"),
    path("<slug:slug>/remove/<str:item>", acts.remove, name="studio_remove"),
    path("<slug:slug>/order", acts.order, name="studio_order"),
    path("<slug:slug>/notice", acts.notice, name="studio_notice"),
    path("<slug:slug>/modes", keeping.modes, name="studio_modes"),
    path("<slug:slug>/words", keeping.words, name="studio_words"),
    path("<slug:slug>/moderators", keeping.invite, name="studio_invite"),
    path("<slug:slug>/moderators/<str:public_id>/revoke", keeping.revoke, name="studio_revoke"),
    path("<slug:slug>/lines/<str:line>/delete", keeping.delete, name="studio_delete"),
    path("<slug:slug>/lines/<str:line>/approve", keeping.approve, name="studio_approve"),
    path("<slug:slug>/lines/<str:line>/restore", keeping.restore, name="studio_restore"),
    path("<slug:slug>/people/<str:public_id>", pages.person, name="studio_person"),
    path("<slug:slug>/people/<str:public_id>/mute", keeping.mute, name="studio_mute"),
    path("<slug:slug>/people/<str:public_id>/ban", keeping.ban, name="studio_ban"),
    path("<slug:slug>/sanctions/<str:sanction>/lift", keeping.lift, name="studio_lift"),
]
