"""Integer money: amounts in fen, rates in permille. Floats never touch money."""

from collections.abc import Sequence


def format_fen(amount_fen: int) -> str:
    """`123456` → `¥1,234.56`; negative amounts carry the sign in front."""
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{sign}¥{yuan:,}.{fen:02d}"


def permille_of(amount_fen: int, rate_permille: int) -> int:
    """⌊amount·rate‰ + ½⌋, the rounding of every commission and fee."""
    return (2 * amount_fen * rate_permille + 1000) // 2000


def split_by_weight(amount_fen: int, weights: Sequence[int]) -> list[int]:
    """Share `amount_fen` in proportion to `weights`, by largest remainder; the shares sum to the amount exactly.

    Ties go to the earlier weight. All-zero weights share evenly. Raises ValueError for no weights or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError("weights must be a non-empty sequence of non-negative integers")
    parts = list(weights) if any(weights) else [1] * len(weights)
    total = sum(parts)
    shares = [amount_fen * part // total for part in parts]
    remainders = [amount_fen * part % total for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: amount_fen - sum(shares)]:
        shares[i] += 1
    return shares
