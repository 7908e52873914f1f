"""Read-only API of a person's own orders."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers, viewsets
from rest_framework.permissions import IsAuthenticated

from orders import readings
from orders.models import Order, OrderLine, OrderState


class LineSerializer(serializers.ModelSerializer[OrderLine]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = OrderLine
        fields = ["id", "title", "sku_name", "quantity", "unit_price_fen", "goods_fen", "discount_fen", "shares"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    id = serializers.CharField(source="public_id", read_only=True)
    shop = serializers.CharField(source="shop.name", read_only=True)
    state_name = serializers.SerializerMethodField()
    lines = LineSerializer(many=True, read_only=True)
    refunds = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = [
            "id",
            "state",
            "state_name",
            "shop",
            "goods_fen",
            "discount_fen",
            "freight_fen",
            "due_fen",
            "paid_fen",
            "refunded_fen",
            "placed_at",
            "expires_at",
            "paid_at",
            "closed_at",
            "close_reason",
            "address",
            "lines",
            "refunds",
        ]

    def get_state_name(self, order: Order) -> str:
        return str(OrderState(order.state).label)

    def get_refunds(self, order: Order) -> list[dict[str, Any]]:
        return [
            {"id": refund.public_id, "amount_fen": refund.amount_fen, "reason": refund.reason, "done_at": refund.done_at}
            for refund in order.refunds.all()
        ]


class OrderViewSet(viewsets.ReadOnlyModelViewSet[Order]):
    """Own orders only; somebody else's is not found."""

    serializer_class = OrderSerializer
    permission_classes = [IsAuthenticated]
    lookup_field = "public_id"
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        user = self.request.user
        return readings.of_buyer(user) if user.is_authenticated else Order.objects.none()
