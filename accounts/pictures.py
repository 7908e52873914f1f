"""Pictures of people: a small set to choose from, or an own photo, drawn again so that nothing hidden in a file survives."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from liveshop.ids import public_id
from liveshop.refusals import Code, Refused

_NAMES = "1f34e 1f34a 1f351 1f353 1f349 1f33b 1f404 1f411 1f413 1f416 1f41d 1f41f 1f375 1f955 1f9c1 1f980"
AVATARS = tuple(f"img/avatars/{name}.webp" for name in _NAMES.split())
LARGEST_BYTES = 5 * 1024 * 1024
LARGEST_PIXELS = 40_000_000
SIDE = 256


def store_avatar(upload: BinaryIO, size: int) -> str:
    """Draw an uploaded photo as a square WebP below media/; returns its stored path. Raises Refused(INVALID)."""
    if size > LARGEST_BYTES:
        raise Refused(Code.INVALID, why=_("The picture is larger than 5 MB"))
    drawn = _redrawn(upload)
    path = Path("avatars") / f"{public_id()}.webp"
    target = Path(settings.MEDIA_ROOT) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(drawn)
    return f"media:{path.as_posix()}"


def _redrawn(upload: BinaryIO) -> bytes:
    try:
        with Image.open(upload, formats=["JPEG", "PNG", "WEBP", "GIF"]) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise Refused(Code.INVALID, why=_("The picture is too large"))
            square = ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), (SIDE, SIDE))
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as wrong:  # SyntaxError: broken Exif or PNG chunks
        raise Refused(Code.INVALID, why=_("This is not a picture we can read")) from wrong
    out = BytesIO()
    square.save(out, "WEBP", quality=84)
    return out.getvalue()
