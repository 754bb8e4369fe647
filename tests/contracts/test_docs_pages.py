"""The documentation within the site: every page, every link between pages, and nothing that a text smuggles in."""

import re

import pytest
from django.contrib.auth.models import User
from django.utils.html import escape

from boursomatic.docs import doc_address, docs, render_markdown
from tests.people import BrowserOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
LINK = re.compile(r'href="(/[^"#]*)?(?:#([^"]*))?"')


def test_it_shows_every_page_and_each_link_within_them_leads_somewhere(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    pages = {page.address: page for page in docs().values()}
    assert len(pages) == len(docs()) > 12 and {"/docs/", "/docs/glossary/", "/docs/contributing/"} <= set(pages)
    for address, page in pages.items():
        answer = browser.get(address)
        assert answer.status_code == 200 and f'aria-current="page">{escape(page.title)}' in answer.text
        for target, fragment in LINK.findall(page.html):
            there = pages[target or address]
            assert not fragment or f'id="{fragment}"' in there.html, (page.file, target, fragment)
    assert browser.get("/docs/nothing/").status_code == 404


def test_no_markdown_is_left_over(bob: User) -> None:
    for page in docs().values():
        text = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", page.html, flags=re.DOTALL)
        assert not re.search(r"^\s*\|.*\|\s*$|\]\(|^#+ ", text, re.MULTILINE), page.file
        assert "style=" not in page.html, page.file  # the content security policy refuses it


def test_it_passes_no_html_and_no_script_through() -> None:
    text = (
        "# A *title*\n\n<script>alert(1)</script> <b onclick=x>b</b> [x](javascript:alert(1)) ![p](x.png)\n\n"
        "[site](https://example.org) [file](../a.py) [other](other.md#Part) [up](#a-title)\n\n"
        "| a | n |\n|---|--:|\n| `<i>` | 1 |\n"
    )
    _, html = render_markdown("docs/page.md", text, ("docs/page.md", "docs/other.md"))
    assert "<script" not in html and "<b " not in html and "<i>" not in html and "<img" not in html
    assert 'href="javascript' not in html and "../a.py" not in html and "file" in html
    assert f'href="{doc_address("docs/other.md")}#Part"' in html and 'href="https://example.org"' in html
    assert '<table class="table">' in html and '<td class="num">1</td>' in html
