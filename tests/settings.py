"""Settings of the tests: the product's own, in a home that goes away, SQLite unless DATABASE_URL names PostgreSQL."""

import atexit
import os
import shutil
import tempfile

if "BOURSOMATIC_TEST_HOME" not in os.environ:
    _home = tempfile.mkdtemp(prefix="boursomatic-tests-")
    os.environ["BOURSOMATIC_TEST_HOME"] = _home
    atexit.register(shutil.rmtree, _home, ignore_errors=True)

# A developer's .env and shell must not steer the tests; the process environment wins over .env.
for _name in [name for name in os.environ if name.startswith("BOURSOMATIC_") and name != "BOURSOMATIC_TEST_HOME"]:
    del os.environ[_name]
os.environ |= {
    "BOURSOMATIC_ENV": "local",
    "BOURSOMATIC_HOME": os.environ["BOURSOMATIC_TEST_HOME"],
    "BOURSOMATIC_DEMO": "0",
    "BOURSOMATIC_HEARTBEAT_S": "2",
    "BOURSOMATIC_WORKERS": "2",
    "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
    "SECRET_KEY": "tests-only-" + "x" * 40,
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "CSRF_TRUSTED_ORIGINS": "",
}

from boursomatic.settings import *  # noqa: E402, F403
from boursomatic.settings import DATABASES, HOME, STATIC_ROOT, STORAGES  # noqa: E402

STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise looks for it

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads and processes of a test see the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(HOME / "test.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
