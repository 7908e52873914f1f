"""Orders, payments, events and refunds to look at. Nothing is changed here: money moves only by its own actions."""

from django.contrib import admin
from unfold.admin import TabularInline

from liveshop.readonly import ReadOnly, ReadOnlyAdmin
from orders.models import Order, OrderLine, Payment, PaymentEvent, Refund, SimulatedCharge, SimulatedNotice


class LineInline(ReadOnly, TabularInline):
    model = OrderLine
    fields = ["title", "sku_name", "quantity", "unit_price_fen", "goods_fen", "merchant_discount_fen", "platform_discount_fen"]


class PaymentInline(ReadOnly, TabularInline):
    model = Payment
    fields = ["public_id", "provider", "state", "amount_fen", "created_at", "settled_at", "failure"]
    show_change_link = True


class RefundInline(ReadOnly, TabularInline):
    model = Refund
    fields = ["public_id", "reason", "state", "amount_fen", "created_at", "done_at"]


class EventInline(ReadOnly, TabularInline):
    model = PaymentEvent
    fields = ["received_at", "event_id", "kind", "outcome"]


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "state", "shop", "due_fen", "paid_fen", "placed_at", "paid_at", "close_reason"]
    list_filter = ["state", "close_reason", "placed_at"]
    search_fields = ["public_id", "shop__name", "buyer__nickname"]
    list_select_related = ["shop"]
    # The receiver is personal: an operator sees it only where it is logged, not here; the price sheet is what the lines say.
    exclude = ["address", "referral", "key", "price_sheet"]
    inlines = [LineInline, PaymentInline, RefundInline]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "order_number", "provider", "state", "amount_fen", "created_at", "settled_at", "failure"]
    list_filter = ["state", "provider", "created_at"]
    search_fields = ["public_id", "provider_ref", "order__public_id"]
    list_select_related = ["order"]
    exclude = ["payer_digest"]
    inlines = [EventInline]

    @admin.display(description="order")
    def order_number(self, payment: Payment) -> str:
        return payment.order.public_id


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "reason", "state", "amount_fen", "created_at", "done_at"]
    list_filter = ["state", "reason"]
    search_fields = ["public_id", "order__public_id"]


@admin.register(SimulatedCharge)
class SimulatedChargeAdmin(ReadOnlyAdmin):
    list_display = ["payment_ref", "state", "amount_fen", "opened_at", "expires_at"]
    list_filter = ["state"]
    search_fields = ["payment_ref"]


@admin.register(SimulatedNotice)
class SimulatedNoticeAdmin(ReadOnlyAdmin):
    list_display = ["event_id", "attempts", "last_answer", "created_at", "delivered_at"]
    search_fields = ["event_id", "charge__payment_ref"]
