# SPDX-License-Identifier: Apache-2.0
"""Check a built documentation site: dead links, remote files, raw TeX, broken options.

    python tools/check_site.py docs/_build/html

Prints every fault and exits with 1 if there is one.
"""

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "source": "src", "iframe": "src"}  # and link, by its rel
UNSEEN = {"script", "style", "title", "svg"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
TEX = re.compile(r"\\(?:frac|sum|sigma|tau|mathrm|left|right|begin|quad)\b|\$\$")
DASH = re.compile(r"(?<![\w\s])[\u2013\u2014](?=[a-z])")  # an option whose hyphens became a dash


@dataclass
class Page(HTMLParser):
    """The links, anchors and visible text of one page."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, bool]] = []  # tag, and whether its text is left out
        self.feed(self.path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADS and LOADS[tag] in given:
            self.loads.append(given[LOADS[tag]])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "shortcut icon", "preload"):
            self.loads.append(given["href"])
        if tag not in VOID:
            math = "math" in given.get("class", "").split()
            hidden = tag in UNSEEN or math or bool(self._open and self._open[-1][1])
            self._open.append((tag, hidden))

    def handle_endtag(self, tag: str) -> None:
        while self._open and tag in (name for name, _ in self._open):
            if self._open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if not (self._open and self._open[-1][1]):
            self.text.append(data)


def faults(site: Path) -> list[str]:
    """Return what is wrong with the pages of a site."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        return [f"{site}: no pages"]
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for target in page.links + page.loads:
            parts = urlsplit(target)
            if parts.scheme in ("mailto", "data"):
                continue
            if parts.scheme or parts.netloc:
                if target in page.loads:
                    found.append(f"{name}: loads {target} from the network")
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            file = file / "index.html" if file.is_dir() else file
            if not file.exists():
                found.append(f"{name}: {target} does not exist")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].anchors:
                found.append(f"{name}: {target} has no such anchor")
        text = "".join(page.text)
        found += [f"{name}: raw TeX {match[0]!r}" for match in TEX.finditer(text)]
        found += [
            f"{name}: a dash in an option: {text[match.start() - 20 : match.end() + 20]!r}"
            for match in DASH.finditer(text)
        ]
    return found


def main() -> int:
    problems = faults(Path(sys.argv[1]))
    print("\n".join(problems) or f"{sys.argv[1]}: no dead links, nothing remote, no raw TeX")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
