"""The book in the admin site: to look at."""

from django.contrib import admin

from ledger.models import Account, Entry, Transfer
from liveshop.readonly import ReadOnlyAdmin


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["owner", "kind", "created_at"]
    search_fields = ["owner", "kind"]


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    list_display = ["reference", "kind", "subject", "created_at"]
    search_fields = ["reference", "subject"]


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["transfer", "account", "amount_fen", "note"]
    search_fields = ["transfer__reference", "account__owner"]
