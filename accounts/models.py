"""Users, addresses, identity keys, sanctions and the audit log."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts import nicknames
from liveshop.ids import public_id


class PeopleManager(UserManager["User"]):
    """Django's manager for accounts made on the command line: the login name is the nickname too."""

    use_in_migrations = False

    def _create_user_object(self, username: str, email: str | None, password: str | None, **fields: Any) -> "User":
        fields.setdefault("nickname", username[: nicknames.LONGEST])
        fields.setdefault("nickname_folded", nicknames.fold(fields["nickname"]))
        user: User = super()._create_user_object(username, email, password, **fields)  # type: ignore[misc]
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person. What she may do follows from what she owns and was granted: see `accounts.access`."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    username = models.CharField(max_length=64, unique=True, verbose_name=_("login name"))
    email = models.EmailField(blank=True, verbose_name=_("e-mail"))
    phone = models.CharField(
        max_length=20, unique=True, null=True, blank=True, help_text=_("E.164, e.g. +8613800000000"), verbose_name=_("phone number")
    )
    phone_verified = models.BooleanField(default=False, verbose_name=_("phone verified"))
    nickname = models.CharField(max_length=24, verbose_name=_("nickname"))
    nickname_folded = models.CharField(max_length=48, unique=True, editable=False)
    avatar = models.CharField(max_length=120, blank=True, help_text=_("Path below static/ or media/"), verbose_name=_("picture"))
    bio = models.CharField(max_length=140, blank=True, verbose_name=_("about"))
    language = models.CharField(max_length=12, default="zh-hans", verbose_name=_("language"))
    is_anchor = models.BooleanField(default=False, verbose_name=_("anchor"))
    is_staff = models.BooleanField(default=False, verbose_name=_("operator"))
    is_active = models.BooleanField(default=True, verbose_name=_("active"))
    is_demo = models.BooleanField(default=False, verbose_name=_("demonstration"))
    first_paid_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the first order was paid: until then a newcomer"), verbose_name=_("first paid")
    )
    session_epoch = models.PositiveIntegerField(
        default=0, help_text=_("Raised to end all sockets and tickets of the user"), verbose_name=_("session epoch")
    )
    date_joined = models.DateTimeField(default=timezone.now, verbose_name=_("joined"))

    objects = PeopleManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []  # type: ignore[misc]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.nickname

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """A session is worth nothing once the password or `session_epoch` changed, so raising the epoch ends them all."""
        salt = "accounts.models.User.get_session_auth_hash"
        return salted_hmac(salt, f"{self.password}:{self.session_epoch}", secret=secret, algorithm="sha256").hexdigest()


class Address(models.Model):
    """A receiving address in the Chinese form."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="addresses")
    name = models.CharField(max_length=32)
    phone = models.CharField(max_length=20)
    province = models.CharField(max_length=32)
    city = models.CharField(max_length=32)
    district = models.CharField(max_length=32)
    detail = models.CharField(max_length=120)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user"], condition=Q(is_default=True), name="accounts_one_default_address")]


class IdentityKind(models.TextChoices):
    PHONE = "phone"
    DEVICE = "device"
    PAYER = "payer"
    ADDRESS = "address"


class IdentityKey(models.Model):
    """A keyed hash that ties accounts to one person; never the value itself."""

    user = models.ForeignKey(User, models.CASCADE, related_name="identity_keys")
    kind = models.CharField(max_length=8, choices=IdentityKind.choices)
    digest = models.BinaryField(max_length=32)
    seen_at = models.DateTimeField(auto_now=True)
    keep_until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind", "digest"], name="accounts_identity_once")]
        indexes = [models.Index(fields=["kind", "digest"], name="accounts_identity_lookup")]


class SanctionKind(models.TextChoices):
    MUTE = "mute", _("mute")
    BAN = "ban", _("ban")


class Sanction(models.Model):
    """A mute or ban with its rule, actor, evidence and expiry. `scope` is "platform" or "room:<public id>".

    It binds to the user and, when given, to a device or phone digest, so that a new name does not help.
    """

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False, verbose_name=_("number"))
    kind = models.CharField(max_length=8, choices=SanctionKind.choices, verbose_name=_("kind"))
    scope = models.CharField(max_length=40, default="platform", verbose_name=_("scope"))
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="sanctions", verbose_name=_("user"))
    phone_digest = models.BinaryField(max_length=32, null=True, blank=True)
    device_digest = models.BinaryField(max_length=32, null=True, blank=True)
    rule = models.CharField(max_length=120, verbose_name=_("rule"))
    evidence = models.JSONField(default=dict, verbose_name=_("evidence"))
    actor = models.ForeignKey(User, models.PROTECT, related_name="sanctions_given", verbose_name=_("by"))
    starts_at = models.DateTimeField(default=timezone.now, verbose_name=_("from"))
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_("Empty: until lifted"), verbose_name=_("until"))
    lifted_at = models.DateTimeField(null=True, blank=True, verbose_name=_("lifted"))
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("lifted by"))

    class Meta:
        verbose_name = _("sanction")
        verbose_name_plural = _("sanctions")
        indexes = [
            models.Index(fields=["user", "scope"], condition=Q(lifted_at=None), name="accounts_sanction_user"),
            models.Index(fields=["phone_digest"], condition=Q(lifted_at=None), name="accounts_sanction_phone"),
            models.Index(fields=["device_digest"], condition=Q(lifted_at=None), name="accounts_sanction_device"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(phone_digest__isnull=False) | Q(device_digest__isnull=False),
                name="accounts_sanction_has_target",
            ),
            models.CheckConstraint(condition=Q(expires_at=None) | Q(expires_at__gt=F("starts_at")), name="accounts_sanction_ends_later"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.public_id}"


class AuditEntry(models.Model):
    """Who did what to whom, and why. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE."""

    at = models.DateTimeField(default=timezone.now, db_index=True, verbose_name=_("when"))
    actor = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", help_text=_("Empty: the system itself"), verbose_name=_("by")
    )
    action = models.CharField(max_length=48, db_index=True, verbose_name=_("action"))
    subject = models.CharField(max_length=64, db_index=True, help_text=_("e.g. room:<public id>"), verbose_name=_("subject"))
    before = models.JSONField(default=dict, verbose_name=_("before"))
    after = models.JSONField(default=dict, verbose_name=_("after"))
    reason = models.CharField(max_length=200, blank=True, verbose_name=_("reason"))

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class Farewell(models.Model):
    """A published "kill" notice that is no ban: whoever did not hear it finds it here as long as a join ticket lives."""

    at = models.DateTimeField(default=timezone.now, db_index=True, verbose_name=_("when"))
    notice = models.JSONField(verbose_name=_("notice"))

    class Meta:
        verbose_name = _("farewell")
        verbose_name_plural = _("farewells")

    def __str__(self) -> str:
        return str(self.notice.get("reason", ""))


class OperatorScope(models.Model):
    """What an operator group may do, in words of `accounts.access.Power`; the group itself is Django's."""

    group = models.OneToOneField("auth.Group", models.CASCADE, related_name="operator_scope", verbose_name=_("group"))
    powers = ArrayField(models.CharField(max_length=32), default=list, verbose_name=_("powers"))

    class Meta:
        verbose_name = _("operator scope")
        verbose_name_plural = _("operator scopes")

    def __str__(self) -> str:
        return self.group.name
