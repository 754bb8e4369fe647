"""What web processes import of a kind of run doesn't load what only training needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("lightgbm", "sklearn", "pandas", "optuna")
FILES = ("spec", "recipe", "page", "form", "schema", "as_json")
LOOK = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def _modules() -> dict[str, list[str]]:
    """Kind's folder -> its light modules and those of its spec."""
    recipes, quant = ROOT / "training" / "recipes", ROOT / "training" / "quant"
    folders = sorted(path.name for path in recipes.iterdir() if (path / "__init__.py").exists())
    return {
        folder: [
            ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for room in (quant, recipes)
            for path in sorted((room / folder).glob("*.py"))
            if path.stem in FILES
        ]
        for folder in folders
    }


MODULES = _modules()


def _loaded(*names: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOOK, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("kind", MODULES)
def test_it_imports_a_kind_without_what_trains(kind: str) -> None:
    assert f"training.recipes.{kind}.schema" in MODULES[kind]
    loaded = _loaded(*MODULES[kind])
    assert set(MODULES[kind]) <= loaded
    assert not loaded & set(HEAVY)


def test_it_serves_without_what_trains() -> None:
    assert not _loaded("boursomatic.urls") & set(HEAVY)
