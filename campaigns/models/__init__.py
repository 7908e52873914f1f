"""Deals, claims, waitlists, coupons, coupon grants, drops, their proofs, rehearsals."""

from campaigns.models.coupons import Coupon, CouponAudience, CouponFunder, CouponGrant, CouponState, CouponTarget, GrantState
from campaigns.models.deals import Claim, ClaimKey, ClaimState, Deal, DealKind, DealState, Lease, Waiting
from campaigns.models.drops import Drop, DropState
from campaigns.models.proofs import ClaimLog, Commitment, LogPart
from campaigns.models.rehearsals import Rehearsal, RehearsalState

__all__ = [
    "Claim",
    "ClaimKey",
    "ClaimLog",
    "ClaimState",
    "Commitment",
    "Coupon",
    "CouponAudience",
    "CouponFunder",
    "CouponGrant",
    "CouponState",
    "CouponTarget",
    "Deal",
    "DealKind",
    "DealState",
    "Drop",
    "DropState",
    "GrantState",
    "Lease",
    "LogPart",
    "Rehearsal",
    "RehearsalState",
    "Waiting",
]
