#!/usr/bin/env python3
"""The links of the pages.

`links.py` checks every relative link and anchor of README.md and docs/, and that the book has every page.
`links.py built FOLDER` checks those of the built book.
`links.py preprocess` is a preprocessor of mdBook: links that leave docs/ lead to the repository.
"""

import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+).+?\1", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
INLINE = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\))?)(?:\s+\"[^\"]*\")?\)")
SCHEME = re.compile(r"[a-z][a-z+.-]*:")
DEFINITION = re.compile(r"^ {0,3}\[([^\]]+)\]:\s+(\S+)", re.MULTILINE)
REFERENCE = re.compile(r"\[([^\[\]]+)\]\[([^\[\]]*)\]")
ATTRIBUTE = re.compile(r"<(?:img|a|source)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def blank(pattern, text):
    """The text without what the pattern finds; lines keep their numbers."""
    return pattern.sub(lambda found: "\n" * found[0].count("\n"), text)


def prose(text):
    return blank(CODE, blank(COMMENT, blank(FENCE, text)))


def anchors(text):
    """The names of the headings, as GitHub and mdBook make them."""
    seen = {}
    for heading in HEADING.findall(blank(FENCE, text)):
        words = re.sub(r"\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])", r"\1", heading)
        name = "".join(c for c in words.lower().replace(" ", "-") if c.isalnum() or c in "-_")
        count = seen.get(name, 0)
        seen[name] = count + 1
        yield f"{name}-{count}" if count else name


def links(text):
    """Each link with its place in the text."""
    for pattern, group in (INLINE, 1), (DEFINITION, 2), (ATTRIBUTE, 1):
        for found in pattern.finditer(text):
            yield found.start(group), found[group]


def problems(page):
    text = page.read_text()
    shown = prose(text)
    defined = {label.lower() for label, _ in DEFINITION.findall(shown)}

    def at(place, problem):
        line = shown.count("\n", 0, place) + 1
        return f"{page.relative_to(ROOT)}:{line}: {problem}"

    for found in REFERENCE.finditer(shown):
        label = (found[2] or found[1]).lower()
        if label not in defined:
            yield at(found.start(), f"[{label}] is defined nowhere in the page")
    if page.parent == DOCS / "policies" and page.name != "README.md":
        # These pages are the docs of types too, which define the references anew: on docs.rs there is no other page.
        for found in INLINE.finditer(shown):
            if not SCHEME.match(found[1]):
                yield at(found.start(), f"{found[1]}: write it as a reference, [text], with [text]: at the end")
    for place, link in links(shown):
        if SCHEME.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or not target.exists():
            yield at(place, f"{link}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in set(anchors(target.read_text())):
            yield at(place, f"{link}: {target.relative_to(ROOT)} has no such heading")


def check():
    pages = sorted(DOCS.rglob("*.md"))
    found = [problem for page in [ROOT / "README.md", *pages] for problem in problems(page)]
    summary = DOCS / "SUMMARY.md"
    listed = {(DOCS / link).resolve() for _, link in links(prose(summary.read_text()))}
    found += [
        f"docs/SUMMARY.md: {page.relative_to(DOCS)} is missing" for page in pages if page not in listed | {summary}
    ]
    address = re.compile(r"^(?:git-repository-url|repository) = \"([^\"]+)\"$", re.MULTILINE)
    of_the_book, of_the_crates = (address.findall(file.read_text()) for file in (DOCS / "book.toml", ROOT / "Cargo.toml"))
    if of_the_crates and of_the_book != of_the_crates[:1]:
        found.append(f"docs/book.toml: the repository is {of_the_book}, and {of_the_crates[0]} in Cargo.toml")
    print("\n".join(found), file=sys.stderr) if found else print(f"{len(pages) + 1} pages, and no broken link")
    return bool(found)


class Built(HTMLParser):
    """A page of the built book: the names that a link may lead to, and the links."""

    def __init__(self, file):
        super().__init__()
        self.names, self.links = {"", "top"}, []
        self.feed(file.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names.add(attributes.get("id"))
        if link := attributes.get("src") or (tag != "base" and attributes.get("href")):
            self.links.append(link)


def check_built(folder):
    folder = folder.resolve()
    # The first is all pages in one, for printers; the second has its links from the root of a server.
    files = [file for file in sorted(folder.rglob("*.html")) if file.name not in ("print.html", "404.html")]
    built = {file: Built(file) for file in files}
    found = []
    for file, page in built.items():
        for link in page.links:
            path, _, anchor = unquote(link).partition("#")
            target = (file.parent / path).resolve() if path else file
            if SCHEME.match(link):
                continue
            if not target.is_file() or (target in built and anchor not in built[target].names):
                found.append(f"{file.relative_to(folder)}: {link} leads nowhere")
    print("\n".join(found), file=sys.stderr) if found else print(f"{len(files)} built pages, and no broken link")
    return bool(found or not files)


def outside(page, text, repository):
    """The text with links that leave docs/ as links to the repository, and those to a README as mdBook names it."""
    shown = [*links(prose_in_place(text))]
    for place, link in sorted(shown, reverse=True):
        path, hash_, anchor = link.partition("#")
        if not path or SCHEME.match(link):
            continue
        target = Path(os.path.normpath(page.parent / path))
        if not target.is_relative_to(DOCS) and target.is_relative_to(ROOT):
            kind = "tree" if target.is_dir() else "blob"
            new = f"{repository}/{kind}/main/{target.relative_to(ROOT)}{hash_}{anchor}"
        elif target.name == "README.md":
            new = path.removesuffix("README.md") + "index.md" + hash_ + anchor
        else:
            continue
        text = text[:place] + new + text[place + len(link) :]
    return text


def prose_in_place(text):
    """As `prose`, with spaces for what is left out, so that places stay what they are."""
    for pattern in FENCE, COMMENT, CODE:
        text = pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return text


def preprocess():
    context, book = json.load(sys.stdin)
    repository = context["config"]["output"]["html"]["git-repository-url"]

    def walk(items):
        for item in items:
            chapter = item.get("Chapter") if isinstance(item, dict) else None
            if chapter:
                if chapter["source_path"]:
                    page = DOCS / chapter["source_path"]
                    chapter["content"] = outside(page, chapter["content"], repository)
                walk(chapter["sub_items"])

    walk(book["items"])
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            sys.exit(check())
        case ["built", folder]:
            sys.exit(check_built(Path(folder)))
        case ["preprocess"]:
            preprocess()
        case ["preprocess", "supports", renderer]:
            sys.exit(renderer != "html")
        case _:
            sys.exit(__doc__)
