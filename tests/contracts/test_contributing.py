"""Pages for those who carry on name files and tables that exist."""

import re
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("CONTRIBUTING.md", "docs/development.md", "docs/runs.md")
OURS = ("instruments", "training", "predictions", "accounts", "notices")


def _paths(text: str) -> set[str]:
    """Words in code font, outside of blocks, that hold a slash and are no address; NAME stands for any name."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    words = {word for code in re.findall(r"`([^`]+)`", text) for word in code.split()}
    paths = {word for word in words if "/" in word and "://" not in word and not word.startswith("/")}
    return {re.sub(r"\b(APP|KIND|NAME)\b", "*", path) for path in paths}


def _links(text: str) -> set[str]:
    """Targets of links to files, without the place in them."""
    targets = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)}
    return {target for target in targets if target and "://" not in target}


@pytest.mark.parametrize("page", PAGES)
def test_it_names_paths_that_exist(page: str) -> None:
    paths = _paths((ROOT / page).read_text())
    assert len(paths) > 5
    assert not {path for path in paths if not any(ROOT.glob(path))}


def test_it_links_to_files_that_exist() -> None:
    folders = ("", "docs", "tests", "scripts", "instruments", "training", "predictions")
    pages = {page for folder in folders for page in (ROOT / folder).glob("**/*.md" if folder else "*.md")}
    assert ROOT / "README.md" in pages
    broken = {
        (page.name, link) for page in pages for link in _links(page.read_text()) if not (page.parent / link).exists()
    }
    assert not broken


def test_it_draws_every_table() -> None:
    tables = {model.__name__ for app in OURS for model in apps.get_app_config(app).get_models()}
    drawn = re.search(
        r"^```mermaid\nerDiagram\n(.*?)^```", (ROOT / "docs/runs.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert drawn is not None
    assert tables <= set(re.findall(r"\w+", drawn[1]))
