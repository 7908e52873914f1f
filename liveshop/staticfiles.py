"""How static files are named, packed and served for browsers."""

from pathlib import Path

from django.contrib.staticfiles.apps import StaticFilesConfig
from django.core.exceptions import SuspiciousFileOperation
from django.http import HttpRequest, HttpResponse
from django.utils._os import safe_join
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage


class PackedStatic(CompressedManifestStaticFilesStorage):
    """Names that carry their content's hash, also in the imports of script modules, so that browsers may keep all of them for ever."""

    support_js_module_import_aggregation = True


class StaticFiles(StaticFilesConfig):
    """Leaves out htmx's extensions: no page uses them, and one names a module that isn't there, which packing refuses."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "django_htmx/ext/*"]


class ServedStatic(WhiteNoiseMiddleware):
    """WhiteNoise lists the files when it starts; while servers are replaced one by one, pages of the new ones also ask the old ones for theirs."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        url = request.path_info
        if url.startswith(self.static_prefix) and url not in self.files and not self.autorefresh:
            self._look_for(url)
        answer: HttpResponse = super().__call__(request)
        return answer

    def _look_for(self, url: str) -> None:
        try:
            path = safe_join(self.static_root, url.removeprefix(self.static_prefix))
        except (SuspiciousFileOperation, ValueError):
            return
        if self.is_compressed_variant(path) or not Path(path).is_file():
            return
        self.add_file_to_dictionary(url, path)
