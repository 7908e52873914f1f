"""What the audit log says: each action in words, and the page of the thing it was done to."""

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEntry

WORDS: dict[str, Promise] = {
    "user.sign_up": _("signed up"),
    "user.rename": _("changed the nickname"),
    "user.become_anchor": _("became an anchor"),
    "user.log_out_everywhere": _("logged out everywhere"),
    "user.set_password": _("set a password"),
    "user.change_rights": _("changed someone's rights"),
    "sanction.ban": _("banned someone"),
    "sanction.mute": _("muted someone"),
    "sanction.lift_ban": _("lifted a ban"),
    "sanction.lift_mute": _("lifted a mute"),
    "room_opened": _("opened a room"),
    "room_banned": _("closed a room for breaking the rules"),
    "room_unbanned": _("opened a closed room again"),
    "cover_changed": _("changed the room's cover"),
    "modes_changed": _("changed the rules of the talk"),
    "notice_changed": _("changed the notice board"),
    "word_added": _("listed a word"),
    "word_removed": _("took a word off the list"),
    "moderator_granted": _("made someone a moderator"),
    "moderator_revoked": _("ended a moderator's rights"),
    "chat_deleted": _("deleted a line"),
    "chat_approved": _("let a held line through"),
    "chat_restored": _("showed a deleted line again"),
    "shelf_removed": _("took a product off the shelf"),
    "stream_key_made": _("made a stream key"),
    "show_cancelled": _("took back a planned show"),
    "show_started": _("went live"),
    "show_interrupted": _("lost the stream"),
    "show_resumed": _("got the stream back"),
    "show_ended": _("ended a show"),
    "recording.removed": _("removed a recording"),
    "recordings.held": _("put the recordings of a show under legal hold"),
    "recordings.released": _("lifted the legal hold of a show's recordings"),
    "recordings.keep_days": _("set how long a room's recordings are kept"),
    "drop.press": _("pressed a drop"),
    "drop.undo": _("took a drop back"),
    "deal.plan": _("planned a deal"),
    "deal.cancel": _("cancelled a deal"),
    "deal.frozen": _("froze a deal"),
    "deal.unfrozen": _("let a frozen deal go on"),
    "deal.ended": _("ended a deal"),
    "coupon.plan": _("planned a coupon"),
    "coupon.end": _("ended a coupon"),
    "rehearsal.book": _("booked a rehearsal"),
    "rehearsal.end": _("ended a rehearsal"),
    "payment.wrong_amount": _("was told a wrong amount of a payment"),
    "plan_opened": _("opened a plan"),
    "plan_closed": _("closed a plan"),
    "shop_opened": _("opened a shop"),
    "price_changed": _("changed a price"),
    "stock_adjusted": _("corrected the stock"),
}

# The kind a subject begins with → the table it stands in.
THINGS = {
    "user": "accounts.User",
    "sanction": "accounts.Sanction",
    "room": "rooms.Room",
    "show": "rooms.Show",
    "recording": "rooms.Recording",
    "drop": "campaigns.Drop",
    "deal": "campaigns.Deal",
    "coupon": "campaigns.Coupon",
    "order": "orders.Order",
    "payment": "orders.Payment",
    "plan": "alliance.Plan",
    "shop": "catalog.Shop",
}


def words(entry: AuditEntry) -> str:
    """The action in the reader's language."""
    return str(WORDS.get(entry.action, entry.action))


def page_of(entry: AuditEntry) -> tuple[str, str]:
    """What the thing is called and the admin page it has; the bare subject and "" where there is none."""
    kind, _colon, number = entry.subject.partition(":")
    if kind not in THINGS:
        return entry.subject, ""
    model: type[Model] = apps.get_model(THINGS[kind])
    thing = model._default_manager.filter(public_id=number).first()
    if thing is None or not admin.site.is_registered(model):
        return entry.subject, ""
    options = model._meta
    return f"{options.verbose_name} {thing}", reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[thing.pk])
