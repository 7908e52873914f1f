"""Rooms and shows in the admin site: to look at; the live wall steers them."""

from django.contrib import admin

from liveshop.readonly import ReadOnlyAdmin
from rooms.models import ChatLine, Room, RoomEvent, RoomWord, Show


@admin.register(Room)
class RoomAdmin(ReadOnlyAdmin):
    list_display = ["title", "slug", "anchor", "follower_count", "seq", "is_banned", "ban_reason"]
    list_filter = ["is_banned"]
    search_fields = ["title", "slug", "anchor__nickname"]


@admin.register(Show)
class ShowAdmin(ReadOnlyAdmin):
    list_display = [
        "title",
        "room",
        "state",
        "started_at",
        "ended_at",
        "peak_online",
        "view_count",
        "viewer_count",
        "order_count",
        "sales_fen",
    ]
    list_filter = ["state"]
    search_fields = ["title", "room__title", "room__slug"]
    date_hierarchy = "started_at"


@admin.register(ChatLine)
class ChatLineAdmin(ReadOnlyAdmin):
    list_display = ["at", "room", "user", "text", "state", "hit_word", "decided_by"]
    list_filter = ["state", "kind"]
    search_fields = ["text", "user__nickname", "room__slug"]


@admin.register(RoomEvent)
class RoomEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "room", "seq", "kind", "panels", "actor"]
    list_filter = ["kind"]
    search_fields = ["room__slug", "actor__nickname"]


@admin.register(RoomWord)
class RoomWordAdmin(ReadOnlyAdmin):
    list_display = ["word", "action", "room"]
    search_fields = ["word"]
