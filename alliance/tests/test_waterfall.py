import pytest
from hypothesis import given
from hypothesis import strategies as st

from alliance.waterfall import Party, Step, Terms, commission_of, freight, service_fee_of, total, waterfall


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    goods = draw(st.integers(1, 10**8))
    merchant = draw(st.integers(0, goods))
    platform = draw(st.integers(0, goods - merchant))
    return Terms(goods, merchant, platform, draw(st.integers(0, 900)), draw(st.integers(0, 1000)), draw(st.integers(0, 100)))


@given(terms())
def test_the_steps_sum_to_zero(line: Terms) -> None:
    assert sum(entry.amount_fen for entry in waterfall(line)) == 0


@given(terms())
def test_nobody_but_the_payers_gives(line: Terms) -> None:
    assert total(waterfall(line), Party.BUYER) == -line.base_fen
    assert total(waterfall(line), Party.PROMOTER) >= 0
    assert service_fee_of(line) <= commission_of(line)


@pytest.mark.parametrize(
    ("goods", "merchant", "platform", "rate", "service", "category", "promoter", "keeps"),
    [
        (3990, 0, 0, 200, 100, 50, 718, 2992),  # 798 commission, 80 fee, 199.5 → 200 category
        (3990, 1000, 0, 200, 100, 0, 538, 2392),  # a merchant's coupon lowers the base
        (3990, 0, 1000, 200, 100, 0, 538, 3392),  # a platform coupon too, but the merchant is made whole
        (100, 0, 0, 125, 100, 0, 12, 87),  # 12.5 → 13 commission, 1.3 → 1 fee
        (100, 0, 0, 0, 0, 50, 0, 95),  # nobody earns
        (1, 0, 0, 500, 0, 0, 1, 0),  # half a fen rounds up
    ],
)
def test_golden_lines(goods: int, merchant: int, platform: int, rate: int, service: int, category: int, promoter: int, keeps: int) -> None:
    entries = waterfall(Terms(goods, merchant, platform, rate, service, category))
    assert (total(entries, Party.PROMOTER), total(entries, Party.MERCHANT)) == (promoter, keeps)


def test_freight_goes_from_buyer_to_merchant() -> None:
    assert [(entry.party, entry.amount_fen) for entry in freight(600)] == [(Party.BUYER, -600), (Party.MERCHANT, 600)]
    assert freight(0) == []


def test_a_platform_coupon_is_a_step_of_its_own() -> None:
    steps = {entry.step: entry.amount_fen for entry in waterfall(Terms(1000, 0, 300, 100, 0, 0))}
    assert steps[Step.SUBSIDY] == -300
