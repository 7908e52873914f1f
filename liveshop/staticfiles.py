"""How static files are named and packed for browsers."""

from django.contrib.staticfiles.apps import StaticFilesConfig
from whitenoise.storage import CompressedManifestStaticFilesStorage


class PackedStatic(CompressedManifestStaticFilesStorage):
    """Names that carry their content's hash, also in the imports of script modules, so that browsers may keep all of them for ever."""

    support_js_module_import_aggregation = True


class StaticFiles(StaticFilesConfig):
    """Leaves out htmx's extensions: no page uses them, and one names a module that isn't there, which packing refuses."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "django_htmx/ext/*"]
