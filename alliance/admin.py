"""The alliance in the admin site: to look at; frozen rows stay frozen."""

from django.contrib import admin

from alliance.models import Attribution, CommissionLine, Link, Plan
from liveshop.readonly import ReadOnlyAdmin


@admin.register(Plan)
class PlanAdmin(ReadOnlyAdmin):
    list_display = ["product", "rate_permille", "state", "created_by", "created_at", "closed_at"]
    list_filter = ["state"]
    search_fields = ["product__title"]


@admin.register(Link)
class LinkAdmin(ReadOnlyAdmin):
    list_display = ["code", "promoter", "plan", "room", "remark", "created_at"]
    search_fields = ["code", "promoter__nickname"]


@admin.register(Attribution)
class AttributionAdmin(ReadOnlyAdmin):
    list_display = ["line", "path", "promoter", "room", "rate_permille", "base_fen", "no_commission_reason", "decided_at"]
    list_filter = ["path", "no_commission_reason"]
    search_fields = ["line__order__public_id", "promoter__nickname"]


@admin.register(CommissionLine)
class CommissionLineAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "promoter", "kind", "amount_fen", "service_fee_fen", "state", "created_at"]
    list_filter = ["state", "kind"]
    search_fields = ["promoter__nickname", "attribution__line__order__public_id"]
