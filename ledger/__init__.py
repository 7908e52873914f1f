"""Double-entry money: accounts, transfers and their entries.

Append-only, and each transfer sums to zero; both are enforced by the database.
It knows nobody: an account's owner is an opaque text such as `user:8Kd2…` or `platform`.
"""
