"""People: users, login, addresses, identity keys, sanctions and the audit log.

Every question of the form "may she do that?" is answered in `accounts.access`, nowhere else.
Personal identifiers (phone, device, payer) leave this package only as keyed hashes.
"""
