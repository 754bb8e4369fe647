"""Settings of the tests: the product's own, in a home that goes away, SQLite unless DATABASE_URL names PostgreSQL.

A worker of pytest-xdist has a home of its own within that of the run, so that no two share files or a database.
"""

import atexit
import os
import shutil
import tempfile

if "BOURSOMATIC_TEST_HOME" not in os.environ:
    _home = tempfile.mkdtemp(prefix="boursomatic-tests-")
    os.environ["BOURSOMATIC_TEST_HOME"] = _home
    atexit.register(shutil.rmtree, _home, ignore_errors=True)

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker != os.environ.get("BOURSOMATIC_TEST_WORKER", ""):  # what a worker starts inherits both, and so its home
    _home = os.environ["BOURSOMATIC_TEST_HOME"]
    os.environ["BOURSOMATIC_TEST_HOME"] = tempfile.mkdtemp(prefix=f"{_worker}-", dir=_home)
    os.environ["BOURSOMATIC_TEST_WORKER"] = _worker

# A developer's .env and shell must not steer the tests; the process environment wins over .env.
for _name in list(os.environ):
    if _name.startswith("BOURSOMATIC_") and not _name.startswith("BOURSOMATIC_TEST_"):
        del os.environ[_name]
# Threads of BLAS on matrices this small do nothing but wait for each other, the longer the busier the machine. NumPy
# reads this when it is imported, and so does what a test starts.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
os.environ |= {
    "BOURSOMATIC_ENV": "local",
    "BOURSOMATIC_HOME": os.environ["BOURSOMATIC_TEST_HOME"],
    "BOURSOMATIC_DEMO": "0",
    "BOURSOMATIC_HEARTBEAT_S": "5",
    "BOURSOMATIC_WORKERS": "2",
    "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
    "SECRET_KEY": "tests-only-" + "x" * 40,
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "CSRF_TRUSTED_ORIGINS": "",
}

from boursomatic.settings import *  # noqa: E402, F403
from boursomatic.settings import DATABASES, HOME, HOUSEKEEPING, RECIPES, STATIC_ROOT, STORAGES  # noqa: E402

RECIPES |= {"count": "tests.kinds.count.recipe.RECIPE"}
HOUSEKEEPING.remove("training.runs.checks.checks_start")  # takes seconds in each site with workers: called where tested
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise looks for it

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads and processes of a test see the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(HOME / "test.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
