"""Static files, without the parts of front-end packages that no page loads and that point to files they don't ship."""

from django.contrib.staticfiles.apps import StaticFilesConfig


class StaticFiles(StaticFilesConfig):
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "tabler-*", "*.rtl.*", "*.development.*", "*.d.ts"]
