"""Stream keys, what was streamed, and where it was recorded."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveshop.ids import public_id


class StreamKey(models.Model):
    """What an encoder shows to stream into a room. Only its SHA-256 is kept; the key itself is shown once."""

    room = models.OneToOneField("rooms.Room", models.CASCADE, related_name="stream_key")
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=4, help_text="Its last letters, to tell it from an older one")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)


class StreamSource(models.TextChoices):
    ENCODER = "encoder", _("Encoder (RTMP)")
    CAMERA = "camera", _("Camera of the browser")
    EXTERNAL = "external", _("External media server")


class StreamSession(models.Model):
    """One publisher's connection. At most one open session a room: the newest with the right key wins.

    `show` is empty while only the studio sees it. The figures are what preflight shows, measured every second or two.
    """

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey("rooms.Room", models.CASCADE, related_name="streams")
    show = models.ForeignKey("rooms.Show", models.SET_NULL, null=True, blank=True, related_name="streams")
    source = models.CharField(max_length=8, choices=StreamSource.choices)
    encoder = models.CharField(max_length=80, blank=True, help_text="What the encoder says it is")
    client = models.CharField(max_length=64, blank=True, help_text="The connection, as an external media server names it")
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=120, blank=True)
    width = models.PositiveSmallIntegerField(default=0)
    height = models.PositiveSmallIntegerField(default=0)
    frame_rate = models.FloatField(default=0)
    bitrate_kbps = models.PositiveIntegerField(default=0)
    keyframe_ms = models.PositiveIntegerField(default=0)
    has_sound = models.BooleanField(default=False)
    loudness_db = models.FloatField(null=True, blank=True, help_text="dBFS of the last seconds; empty: not measured")
    trouble = models.CharField(max_length=120, blank=True, help_text="What the anchor should know, e.g. the disk is full")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room"], condition=Q(ended_at=None), name="rooms_one_open_stream")]
        indexes = [models.Index(fields=["room", "-started_at"], name="rooms_stream_recent")]


class Recording(models.Model):
    """One file of a show: a new one begins with each publisher and each change of the picture's size."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey("rooms.Room", models.PROTECT, related_name="recordings")
    show = models.ForeignKey("rooms.Show", models.PROTECT, related_name="recordings")
    session = models.ForeignKey(StreamSession, models.SET_NULL, null=True, related_name="recordings")
    path = models.CharField(max_length=200, unique=True, help_text="Below the recordings folder")
    mime = models.CharField(max_length=80)
    width = models.PositiveSmallIntegerField(default=0)
    height = models.PositiveSmallIntegerField(default=0)
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["began_at", "pk"]
        indexes = [models.Index(fields=["show", "began_at"], name="rooms_recording_show")]


class MediaServer(models.Model):
    """A media process and how it is: it writes its row every few seconds, the studio reads it."""

    name = models.CharField(max_length=80, unique=True)
    seen_at = models.DateTimeField(default=timezone.now)
    rtmp_port = models.PositiveIntegerField(default=0, help_text="0: encoders cannot connect")
    problem = models.CharField(max_length=120, blank=True)
    streams = models.PositiveIntegerField(default=0)
    viewers = models.PositiveIntegerField(default=0)
