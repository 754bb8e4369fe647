"""The repository's documentation as pages at /docs/: CommonMark with tables, links between the files, no HTML."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET
from markdown_it import MarkdownIt
from markdown_it.token import Token

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope
from boursomatic.env import ROOT

FIRST = "docs/README.md"
FILES = (FIRST, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")  # and every other in docs/
OUTSIDE = re.compile(r"(https?:|mailto:|#)")
ALIGNED = {"text-align:right": "num", "text-align:center": "text-center"}  # an inline style the CSP would refuse


@dataclass(frozen=True)
class Doc:
    """A page; `file` is its path within the repository, `html` is safe: made by us from text alone."""

    file: str
    title: str
    html: SafeString

    @property
    def address(self) -> str:
        return doc_address(self.file)


def doc_address(file: str) -> str:
    if file == FIRST:
        return reverse("docs")
    return reverse("doc", args=[file.removeprefix("docs/").removesuffix(".md").replace("/", "-").lower()])


@cache
def docs() -> dict[str, Doc]:
    """By file. Read once: they change with a release only."""
    files = [file for file in FILES if (ROOT / file).is_file()]
    files += [str(each.relative_to(ROOT)) for each in sorted((ROOT / "docs").rglob("*.md"))]
    known_files = tuple(dict.fromkeys(files))
    return {file: _doc(file, (ROOT / file).read_text(), known_files) for file in known_files}


@require_GET
@page_permission(Scope.READ)
def doc(request: HttpRequest, name: str = "") -> HttpResponse:
    """One page, and the list of all."""
    pages = docs()
    address = reverse("doc", args=[name]) if name else reverse("docs")
    page = next((each for each in pages.values() if each.address == address), None)
    if page is None:
        raise Http404("There is no such page of the documentation.")
    return render(request, "docs.html", {"page": page, "pages": pages.values()})


def render_markdown(file: str, text: str, files: Sequence[str]) -> tuple[str, str]:
    """Title and HTML of a file of the repository, with links to those of `files` that are pages; one to anything else
    within the repository stays as its text."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    title = ""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            token.attrSet("id", _slug(following.content))
            title = title or following.content
        if token.type in ("td_open", "th_open") and (style := token.attrs.pop("style", None)):
            token.attrSet("class", ALIGNED.get(str(style), ""))
        if token.type == "table_open":
            token.attrSet("class", "table")
        token.children = list(_linked(token.children or [], file, files)) if token.type == "inline" else token.children
    return title, str(markdown.renderer.render(tokens, markdown.options, {}))


def _doc(file: str, text: str, files: Sequence[str]) -> Doc:
    title, html = render_markdown(file, text, files)
    return Doc(file, title or file, mark_safe(html))


def _linked(tokens: Sequence[Token], file: str, files: Sequence[str]) -> Iterator[Token]:
    is_dropped = False
    for token in tokens:
        if token.type == "image":  # pictures are not served; what they show is said in words
            yield Token("text", "", 0, content=token.content)
            continue
        if token.type == "link_open":
            address = _address(str(token.attrGet("href") or ""), file, files)
            is_dropped = not address
            token.attrSet("href", address)
        if not (is_dropped and token.type in ("link_open", "link_close")):
            yield token
        is_dropped = is_dropped and token.type != "link_close"


def _address(href: str, file: str, files: Sequence[str]) -> str:
    if OUTSIDE.match(href):
        return href
    name, _, fragment = href.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
    return (doc_address(target) + (f"#{fragment}" if fragment else "")) if target in files else ""


def _slug(heading: str) -> str:
    """As GitHub makes them, so that links to a heading work in both places."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


urlpatterns = [
    path("", doc, name="docs"),
    path("<slug:name>/", doc, name="doc"),
]
