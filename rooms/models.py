"""Rooms, shows, shelf, pins, events, chat, follows, moderator grants and minute figures."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveshop.ids import public_id


class Room(models.Model):
    """An anchor's permanent room. `seq` numbers its events without gaps, under this row's lock."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    slug = models.SlugField(max_length=40, unique=True, help_text="The address: /live/<slug>")
    anchor = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="room")
    title = models.CharField(max_length=60)
    cover = models.CharField(max_length=160, blank=True, help_text="Path below static/ or media:…")
    notice = models.CharField(max_length=300, blank=True)
    seller_name = models.CharField(max_length=80, blank=True, help_text="Who operates the room")
    seq = models.BigIntegerField(default=0)
    like_total = models.BigIntegerField(default=0)
    follower_count = models.PositiveIntegerField(default=0)
    slow_mode_s = models.PositiveSmallIntegerField(default=0)
    followers_only = models.BooleanField(default=False)
    hold_for_approval = models.BooleanField(default=False)
    is_banned = models.BooleanField(default=False)
    ban_reason = models.CharField(max_length=120, blank=True)
    is_rehearsal = models.BooleanField(
        default=False, help_text="A stage for practice: only those with a grant may come in, nothing is sold"
    )
    keep_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Days its recordings are kept; empty: as set for the site"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title

    def granted_powers(self, user_id: int) -> frozenset[str]:
        """What a moderator of this room may do now; empty for everybody else."""
        grant = self.moderators.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), user_id=user_id).first()
        return frozenset(grant.powers) if grant else frozenset()


class ShowState(models.IntegerChoices):
    UPCOMING = 1, _("upcoming")
    PREFLIGHT = 2, _("preflight")
    LIVE = 3, _("live")
    INTERRUPTED = 4, _("interrupted")
    ENDED = 5, _("ended")
    BANNED = 6, _("banned")


class Show(models.Model):
    """One broadcast. At most one live or interrupted show a room."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey(Room, models.PROTECT, related_name="shows")
    title = models.CharField(max_length=60)
    state = models.PositiveSmallIntegerField(choices=ShowState.choices, default=ShowState.UPCOMING)
    planned_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    interrupted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=120, blank=True)
    peak_online = models.PositiveIntegerField(default=0)
    view_count = models.PositiveIntegerField(default=0, help_text="人次: entries into the room")
    viewer_count = models.PositiveIntegerField(default=0, help_text="人数: different people")
    like_count = models.BigIntegerField(default=0)
    chat_count = models.PositiveIntegerField(default=0)
    order_count = models.PositiveIntegerField(default=0)
    sales_fen = models.BigIntegerField(default=0, help_text="Paid money of orders attributed to the room in this show")
    follower_gain = models.IntegerField(default=0)
    is_demo = models.BooleanField(default=False)
    hold_reason = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Legal hold: no recording of this show is removed; empty: none",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room"], condition=Q(state__in=[3, 4]), name="rooms_one_live_show"),
        ]
        indexes = [models.Index(fields=["state", "planned_at"], name="rooms_show_state")]

    def __str__(self) -> str:
        return self.title


class ShowViewer(models.Model):
    """One person seen in one show: a user or a guest device, for 人数."""

    show = models.ForeignKey(Show, models.CASCADE, related_name="viewers")
    person = models.CharField(max_length=40, help_text="u:<public id> or d:<device id>")
    first_at = models.DateTimeField(default=timezone.now)
    channel = models.CharField(max_length=12, blank=True, default="", help_text="How she came first: tv from a second screen")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["show", "person"], name="rooms_show_viewer_once")]


class ShelfItem(models.Model):
    """A product on the room's shelf (小黄车). `number` is what the anchor says aloud and never changes."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey(Room, models.CASCADE, related_name="shelf_items")
    product = models.ForeignKey("catalog.Product", models.PROTECT, related_name="shelf_items")
    number = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()
    is_listed = models.BooleanField(default=True)
    was_pinned = models.BooleanField(default=False)
    click_count = models.PositiveIntegerField(default=0)
    paid_count = models.PositiveIntegerField(default=0)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "number"]
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], name="rooms_shelf_number_once"),
            models.UniqueConstraint(fields=["room", "product"], name="rooms_shelf_product_once"),
        ]


class Pin(models.Model):
    """讲解: what the anchor shows now. At most one open pin a room."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="pins")
    show = models.ForeignKey(Show, models.CASCADE, null=True, blank=True, related_name="pins")
    item = models.ForeignKey(ShelfItem, models.PROTECT, related_name="pins")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room"], condition=Q(ended_at=None), name="rooms_one_open_pin")]


class RoomEvent(models.Model):
    """Something that changed what viewers see. (room, seq) is gap-free; `panels` names what to draw again."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    panels = ArrayField(models.CharField(max_length=16), default=list)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    facts = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "seq"], name="rooms_event_seq_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"


class ChatState(models.IntegerChoices):
    SHOWN = 1, _("shown")
    HELD = 2, _("held for approval")
    DELETED = 3, _("deleted")


class ChatKind(models.IntegerChoices):
    TALK = 1, _("talk")
    NOTICE = 2, _("notice")


class ChatLine(models.Model):
    """A chat line, or an order notice without an author. `key` is the browser's own id of a line, so a retry is not a second line."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey(Room, models.CASCADE, related_name="chat_lines")
    show = models.ForeignKey(Show, models.SET_NULL, null=True, blank=True, related_name="chat_lines")
    kind = models.PositiveSmallIntegerField(choices=ChatKind.choices, default=ChatKind.TALK)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="chat_lines")
    key = models.UUIDField(null=True)
    text = models.CharField(max_length=200)
    state = models.PositiveSmallIntegerField(choices=ChatState.choices, default=ChatState.SHOWN)
    hit_word = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user", "key"], name="rooms_chat_key_once")]
        indexes = [models.Index(fields=["room", "-id"], name="rooms_chat_recent")]

    def __str__(self) -> str:
        return self.text


class RoomWord(models.Model):
    """A word the room does not allow, edited live by its operators; room empty: for all rooms."""

    room = models.ForeignKey(Room, models.CASCADE, null=True, blank=True, related_name="words")
    word = models.CharField(max_length=40)
    action = models.CharField(max_length=8, choices=[("refuse", "refuse"), ("hold", "hold")], default="hold")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "word"], nulls_distinct=False, name="rooms_word_once")]

    def __str__(self) -> str:
        return self.word


class Follow(models.Model):
    """Who follows whom now; the history is in FollowChange."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="follows")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="follows")
    source = models.CharField(max_length=16, default="organic")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="rooms_follow_once")]


class FollowChange(models.Model):
    """+1 or −1 with its source: opening + gained − lost = closing."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="follow_changes")
    show = models.ForeignKey(Show, models.SET_NULL, null=True, related_name="follow_changes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    change = models.SmallIntegerField()
    source = models.CharField(max_length=16, default="organic")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        # When she first followed: one probe for each tap on a new-follower coupon.
        indexes = [models.Index(fields=["room", "user", "at"], condition=Q(change=1), name="rooms_first_follow")]


class ModeratorGrant(models.Model):
    """A moderator (场控) of one room, with exactly these powers, until then."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="moderators")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="moderator_grants")
    powers = ArrayField(models.CharField(max_length=32), default=list)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="rooms_moderator_once")]


class ShowMinute(models.Model):
    """The minute curve of a show: what happened within that minute; `online` is the last value in it."""

    show = models.ForeignKey(Show, models.CASCADE, related_name="minutes")
    minute = models.DateTimeField()
    online = models.PositiveIntegerField(default=0)
    joins = models.PositiveIntegerField(default=0)
    chats = models.PositiveIntegerField(default=0)
    likes = models.PositiveIntegerField(default=0)
    orders = models.PositiveIntegerField(default=0)
    sales_fen = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["show", "minute"], name="rooms_minute_once")]


class ShowReminder(models.Model):
    """A viewer asked to be reminded of an upcoming show."""

    show = models.ForeignKey(Show, models.CASCADE, related_name="reminders")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["show", "user"], name="rooms_reminder_once")]


from rooms.video.models import MediaServer, Recording, StreamKey, StreamSession, StreamSource  # noqa: E402, F401 - tables of the same app
