"""Settings name nothing that nobody reads."""

from django.conf import settings

from boursomatic.env import ROOT


def test_it_has_no_cache_because_nothing_reads_one() -> None:
    apps = (ROOT / app for app in ("boursomatic", "instruments", "predictions", "training"))
    assert not [path for app in apps for path in app.rglob("*.py") if "django.core.cache" in path.read_text()]
    assert settings.CACHES == {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert settings.SESSION_ENGINE == "django.contrib.sessions.backends.db"
    assert not settings.REST_FRAMEWORK.get("DEFAULT_THROTTLE_CLASSES")
    assert not settings.Q_CLUSTER.get("cached")
    assert not (settings.HOME / "cache").exists()
