"""Orders, their lines, payment attempts, provider notifications and refunds."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveshop.ids import public_id


class OrderState(models.IntegerChoices):
    """Codes of the platform's open field texts; 40, 50 and 70 come with shipping and after-sale."""

    UNPAID = 10, _("waiting for payment")
    PAID = 30, _("paid, waiting to ship")
    CLOSED = 80, _("closed")


class Order(models.Model):
    """One purchase from one shop. `key` is the browser's idempotency key: a double tap is one order."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders")
    key = models.UUIDField()
    shop = models.ForeignKey("catalog.Shop", models.PROTECT, related_name="orders")
    room = models.ForeignKey(
        "rooms.Room", models.PROTECT, null=True, blank=True, related_name="orders", help_text="Bought from this room's shelf or deal"
    )
    show = models.ForeignKey("rooms.Show", models.PROTECT, null=True, blank=True, related_name="orders")
    claim = models.OneToOneField("campaigns.Claim", models.PROTECT, null=True, blank=True, related_name="order")
    state = models.PositiveSmallIntegerField(choices=OrderState.choices, default=OrderState.UNPAID)
    referral = models.CharField(max_length=160, blank=True, help_text="Opaque text of the request that placed it; alliance reads it")
    goods_fen = models.PositiveIntegerField()
    discount_fen = models.PositiveIntegerField(default=0)
    freight_fen = models.PositiveIntegerField(default=0)
    due_fen = models.PositiveIntegerField()
    paid_fen = models.PositiveIntegerField(default=0, help_text="Money kept for this order: successful payments minus automatic refunds")
    refunded_fen = models.PositiveIntegerField(default=0, help_text="What after-sale gave back of paid_fen")
    price_sheet = models.JSONField(help_text="campaigns.pricing.PriceSheet as shown to and accepted by the buyer")
    address = models.JSONField(help_text="Snapshot: name, phone, province, city, district, detail")
    placed_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=24, blank=True, help_text="expired, cancelled, refunded")
    note = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["buyer", "key"], name="orders_key_once"),
            models.CheckConstraint(condition=Q(due_fen=F("goods_fen") - F("discount_fen") + F("freight_fen")), name="orders_due_adds_up"),
            models.CheckConstraint(condition=Q(refunded_fen__lte=F("paid_fen")), name="orders_refund_within_paid"),
            # The money an order keeps is nothing or exactly its due; whatever else came in went back by a Refund row.
            models.CheckConstraint(condition=Q(paid_fen=0) | Q(paid_fen=F("due_fen")), name="orders_paid_is_nothing_or_due"),
            models.CheckConstraint(
                condition=~Q(state=30) | Q(paid_at__isnull=False, paid_fen=F("due_fen")), name="orders_paid_has_its_money"
            ),
            models.CheckConstraint(condition=~Q(state=80) | Q(closed_at__isnull=False), name="orders_closed_has_its_time"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state=10), name="orders_due_to_expire"),
            models.Index(fields=["buyer", "-placed_at"], name="orders_of_buyer"),
            models.Index(fields=["shop", "-placed_at"], name="orders_of_shop"),
        ]

    def __str__(self) -> str:
        return self.public_id


class OrderLine(models.Model):
    """One SKU of an order with every snapshot; `shares` holds the discount of each unit by funder, in fen."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="lines")
    sku = models.ForeignKey("catalog.Sku", models.PROTECT, related_name="order_lines")
    shelf_item = models.ForeignKey("rooms.ShelfItem", models.PROTECT, null=True, blank=True, related_name="order_lines")
    title = models.CharField(max_length=80)
    sku_name = models.CharField(max_length=40, blank=True)
    picture = models.CharField(max_length=160, blank=True)
    quantity = models.PositiveSmallIntegerField()
    unit_price_fen = models.PositiveIntegerField()
    goods_fen = models.PositiveIntegerField()
    discount_fen = models.PositiveIntegerField(default=0)
    merchant_discount_fen = models.PositiveIntegerField(default=0)
    platform_discount_fen = models.PositiveIntegerField(default=0)
    shares = models.JSONField(default=list, help_text='[{"merchant": 120, "platform": 0}, …] one a unit')

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(goods_fen=F("unit_price_fen") * F("quantity")), name="orders_line_adds_up"),
            models.CheckConstraint(
                condition=Q(discount_fen=F("merchant_discount_fen") + F("platform_discount_fen")), name="orders_line_discount_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ×{self.quantity}"


class PaymentState(models.IntegerChoices):
    PENDING = 1, _("waiting")
    SUCCEEDED = 2, _("succeeded")
    FAILED = 3, _("failed")
    CLOSED = 4, _("closed")


class Payment(models.Model):
    """One attempt to pay one order with one provider."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payments")
    provider = models.CharField(max_length=16)
    amount_fen = models.PositiveIntegerField()
    state = models.PositiveSmallIntegerField(choices=PaymentState.choices, default=PaymentState.PENDING)
    provider_ref = models.CharField(max_length=64, blank=True)
    payer_digest = models.BinaryField(max_length=32, null=True, blank=True)
    failure = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "provider_ref"], condition=~Q(provider_ref=""), name="orders_provider_ref_once"),
        ]

    def __str__(self) -> str:
        return self.public_id


class PaymentEvent(models.Model):
    """A notification as it came, kept once: unique (provider, event id)."""

    provider = models.CharField(max_length=16)
    event_id = models.CharField(max_length=64)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16)
    body = models.JSONField()
    outcome = models.CharField(max_length=24, blank=True)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="orders_event_once")]


class RefundState(models.IntegerChoices):
    ASKED = 1, _("asked")
    DONE = 2, _("done")


class Refund(models.Model):
    """Money going back by itself: paid after closing, paid twice, or refused at payment. After-sale comes later."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds")
    payment = models.OneToOneField(Payment, models.PROTECT, related_name="refund")
    amount_fen = models.PositiveIntegerField()
    reason = models.CharField(max_length=32)
    state = models.PositiveSmallIntegerField(choices=RefundState.choices, default=RefundState.ASKED)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When the buyer first saw it on the order's page")

    class Meta:
        indexes = [models.Index(fields=["order"], condition=Q(told_at=None), name="orders_refund_untold")]

    def __str__(self) -> str:
        return self.public_id


class SimulatedState(models.IntegerChoices):
    OPEN = 1, _("open")
    PAID = 2, _("paid")
    FAILED = 3, _("failed")
    CLOSED = 4, _("closed")


class SimulatedCharge(models.Model):
    """The payment simulator's own books, as a payment service keeps them. Nothing but `orders.payments.simulator` reads it.

    `captures` are the times money was taken, `[{"ref", "payer", "at"}]`: usually none or one, two when it takes money twice.
    """

    payment_ref = models.CharField(max_length=16, unique=True, help_text="The shop's own number of the payment")
    subject = models.CharField(max_length=80)
    amount_fen = models.PositiveIntegerField()
    return_url = models.CharField(max_length=300)
    notify_url = models.CharField(max_length=300)
    state = models.PositiveSmallIntegerField(choices=SimulatedState.choices, default=SimulatedState.OPEN)
    captures = models.JSONField(default=list)
    refunds = models.JSONField(default=dict, help_text="The shop's refund number → fen")
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(default=timezone.now)


class SimulatedNotice(models.Model):
    """A notification of the simulator, sent again and again until the shop answers "success"."""

    event_id = models.CharField(max_length=40, unique=True)
    charge = models.ForeignKey(SimulatedCharge, models.CASCADE, related_name="notices")
    body = models.TextField()
    attempts = models.PositiveSmallIntegerField(default=0)
    last_answer = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)
