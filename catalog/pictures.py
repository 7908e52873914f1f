"""Pictures of goods: uploads are drawn again as WebP, so that places, camera data and anything hidden in a file are gone."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from liveshop.ids import public_id
from liveshop.refusals import Code, Refused

LARGEST_BYTES = 8 * 1024 * 1024
LARGEST_PIXELS = 40_000_000
SIDE = 1080
SMALL_SIDE = 360


def store(upload: BinaryIO, size: int) -> str:
    """Keep an uploaded picture below media/ in two sizes; returns the stored path. Raises Refused(INVALID)."""
    if size > LARGEST_BYTES:
        raise Refused(Code.INVALID, why=_("The picture is larger than 8 MB"))
    large, small = _redrawn(upload)
    name = public_id()
    folder = Path(settings.MEDIA_ROOT) / "goods"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.webp").write_bytes(large)
    (folder / f"{name}.s.webp").write_bytes(small)
    return f"media:goods/{name}.webp"


def _redrawn(upload: BinaryIO) -> tuple[bytes, bytes]:
    try:
        with Image.open(upload, formats=["JPEG", "PNG", "WEBP", "GIF"]) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise Refused(Code.INVALID, why=_("The picture is too large"))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as wrong:  # SyntaxError: broken Exif or PNG chunks
        raise Refused(Code.INVALID, why=_("This is not a picture we can read")) from wrong
    return _webp(upright, SIDE), _webp(upright, SMALL_SIDE)


def _webp(picture: Image.Image, side: int) -> bytes:
    sized = picture.copy()
    sized.thumbnail((side, side))
    out = BytesIO()
    sized.save(out, "WEBP", quality=82)
    return out.getvalue()
