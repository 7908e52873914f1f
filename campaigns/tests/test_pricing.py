"""The calculator's invariants, whatever the goods and coupons."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from campaigns.pricing import (
    BEST,
    CATEGORY,
    ITEM,
    LEAST_GOODS_FEN,
    MERCHANT,
    PLATFORM,
    SHOP,
    SITE,
    CouponTerms,
    FreightTerms,
    Line,
    price,
    saving,
)

lines = st.lists(
    st.builds(
        Line,
        sku_id=st.integers(1, 5),
        quantity=st.integers(1, 6),
        unit_price_fen=st.integers(1, 20_000),
        shop_id=st.integers(1, 2),
        product_id=st.integers(1, 3),
        category_ids=st.frozensets(st.integers(1, 3), max_size=2),
        is_deal=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
coupon = st.builds(
    CouponTerms,
    grant_id=st.integers(1, 10**6),
    public_id=st.uuids().map(str),
    title=st.just("券"),
    target=st.sampled_from([ITEM, SHOP, CATEGORY, SITE]),
    off_fen=st.integers(1, 30_000),
    threshold_fen=st.integers(0, 60_000),
    funder=st.sampled_from([MERCHANT, PLATFORM]),
    shop_id=st.sampled_from([None, 1, 2]),
    product_id=st.integers(1, 3),
    category_id=st.integers(1, 3),
)
coupons = st.lists(coupon, max_size=5, unique_by=lambda terms: terms.public_id)
freight = st.builds(
    FreightTerms,
    freight_fen=st.integers(0, 2000),
    free_from_fen=st.none() | st.integers(0, 50_000),
    remote_extra_fen=st.integers(0, 3000),
    is_remote=st.booleans(),
)


@given(lines, coupons, freight)
def test_sums_agree_and_nothing_is_negative(bought, held, terms):
    sheet = price(bought, held, terms)
    shares = [share for line in sheet.lines for share in line.shares]
    assert sheet.due_fen == sheet.goods_fen - sheet.discount_fen + sheet.freight_fen
    assert sheet.goods_fen - sheet.discount_fen >= LEAST_GOODS_FEN
    assert sum(sum(share.values()) for share in shares) == sheet.discount_fen
    assert sheet.merchant_discount_fen + sheet.platform_discount_fen == sheet.discount_fen
    assert all(value >= 0 for share in shares for value in share.values())
    assert sum(row.amount_fen for row in sheet.rows if row.kind != "due") == sheet.due_fen


@given(lines, coupons, freight)
def test_refunding_every_unit_returns_what_was_paid(bought, held, terms):
    sheet = price(bought, held, terms)
    refunds = [line.unit_pays_fen(n) for line in sheet.lines for n in range(line.quantity)]
    assert all(refund >= 0 for refund in refunds)
    assert sum(refunds) + sheet.freight_fen == sheet.due_fen


@given(lines, coupons, freight)
def test_best_is_truly_the_best(bought, held, terms):
    best = price(bought, held, terms, BEST)
    others = [price(bought, held, terms, choice) for choice in ["", *[terms_.public_id for terms_ in held]]]
    assert best.due_fen == min(other.due_fen for other in others)


@given(lines, coupon)
def test_a_coupon_below_its_threshold_or_for_other_goods_does_nothing(bought, held):
    covered = sum(line.goods_fen for line in bought if held.covers(line))
    off = saving(bought, held)
    assert off <= min(held.off_fen, covered)
    if covered < held.threshold_fen or not covered:
        assert off == 0
        assert price(bought, [held], choice=held.public_id).discount_fen == 0


@given(lines, coupons)
def test_a_deal_price_takes_no_coupon(bought, held):
    sheet = price(bought, held)
    for line, priced in zip(bought, sheet.lines, strict=True):
        if line.is_deal:
            assert priced.discount_fen == 0


@given(lines, coupons, freight)
def test_primary_keys_stay_out_of_what_is_kept(bought, held, terms):
    kept = price(bought, held, terms).to_json()
    assert not {"sku_id", "grant_id", "grant_ids"} & set(chain(kept, *kept["lines"]))


def test_a_whole_order_discount_is_split_by_largest_remainder():
    held = CouponTerms(1, "g", "满30减10", SITE, 1000, 3000, PLATFORM)
    sheet = price([Line(1, 3, 1000), Line(2, 1, 333)], [held], FreightTerms(600, 5000))
    assert [share[PLATFORM] for line in sheet.lines for share in line.shares] == [300, 300, 300, 100]
    assert (sheet.goods_fen, sheet.discount_fen, sheet.freight_fen, sheet.due_fen) == (3333, 1000, 600, 2933)
