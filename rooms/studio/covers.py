"""A room's cover: an uploaded picture drawn again at one size, so that nothing hidden in a file survives."""

from io import BytesIO
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from accounts.pictures import LARGEST_BYTES, LARGEST_PIXELS
from liveshop.ids import public_id
from liveshop.refusals import Code, Refused

SIZE = (720, 960)


def store(upload: "IO[bytes]", size: int) -> str:
    """Keep the picture as WebP below media/ and return its stored path. Raises Refused(INVALID)."""
    if size > LARGEST_BYTES:
        raise Refused(Code.INVALID, why=_("The picture is larger than 5 MB"))
    try:
        with Image.open(upload, formats=["JPEG", "PNG", "WEBP"]) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise Refused(Code.INVALID, why=_("The picture is too large"))
            fitted = ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), SIZE)
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as wrong:  # SyntaxError: broken Exif or PNG chunks
        raise Refused(Code.INVALID, why=_("This is not a picture we can read")) from wrong
    out = BytesIO()
    fitted.save(out, "WEBP", quality=84)
    path = Path("covers") / f"{public_id()}.webp"
    target = Path(settings.MEDIA_ROOT) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(out.getvalue())
    return f"media:{path.as_posix()}"
