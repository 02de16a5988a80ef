# SPDX-License-Identifier: Apache-2.0
"""Manual pages as a source: rendered by mandoc to HTML, cut into passages of prose.

A passage is a run of neighbouring paragraphs under one heading, long enough to say something and
short enough for the model. Code, synopses, lists of authors and the like are left out.
"""

import datetime
import gzip
import html.parser
import re
import subprocess

from .text_rules import TEXT_CHARACTERS_MAX, clip, squeeze

PASSAGE_CHARACTERS_MIN = 120
_SKIPPED_HEADINGS = {
    "NAME", "SYNOPSIS", "SEE ALSO", "AUTHOR", "AUTHORS", "COPYRIGHT", "COLOPHON", "LICENSE",
    "REPORTING BUGS", "LIBRARY", "AVAILABILITY", "GIT", "HISTORY", "STANDARDS", "VERSIONS",
}  # fmt: skip
_FLUSH_TAGS = {"p", "dt", "dd", "li", "h1", "h2", "pre", "table", "div", "section", "dl", "ul"}
_SKIPPED_TAGS = {"pre", "table", "style", "script"}
_DATE_FORMATS = ("%Y-%m-%d", "%B %d, %Y", "%m/%d/%Y", "%d %B %Y", "%Y/%m/%d")


class PageParser(html.parser.HTMLParser):
    """Collects (heading, kind, text) blocks and the date of a page that mandoc made."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.blocks = []
        self.date_text = ""
        self._heading = ""
        self._kind = ""
        self._words = []
        self._skipping = 0
        self._in_date = False

    def handle_starttag(self, tag, attrs):
        if tag == "td" and ("class", "foot-date") in attrs:
            self._in_date = True
        if tag in _FLUSH_TAGS:
            self._flush()
            self._kind = tag
        if tag == "br":
            self._words.append(" ")
        self._skipping += tag in _SKIPPED_TAGS

    def handle_endtag(self, tag):
        if tag == "td":
            self._in_date = False
        if tag in ("h1", "h2"):
            self._heading = squeeze("".join(self._words)).strip()
            self._words = []
        if tag in _FLUSH_TAGS:
            self._flush()
        self._skipping -= tag in _SKIPPED_TAGS

    def handle_data(self, data):
        if self._in_date:
            self.date_text += data
        elif not self._skipping:
            self._words.append(data)

    def _flush(self):
        text = squeeze("".join(self._words))
        self._words = []
        if text:
            self.blocks.append((self._heading, self._kind, text))


def parse_date(text):
    """Returns the date of a page as YYYY-MM-DD, or None if it gives no full date."""
    text = squeeze(text)
    for form in _DATE_FORMATS:
        try:
            return datetime.datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return None


def passages(blocks):
    """Joins blocks to passages (heading, text): terms keep definitions, a heading ends one."""
    result, heading, current = [], None, ""
    for block_heading, kind, text in blocks:
        if block_heading.upper() in _SKIPPED_HEADINGS or not block_heading:
            continue
        text = text.lstrip("•· ")
        if not text or kind == "dt" and re.fullmatch(r"[o*+\d.()\[\]-]{1,5}", text):
            continue  # the mark of a list entry, not a term
        # A long passage ends before the next block; a term never ends one by itself.
        full = len(current) >= PASSAGE_CHARACTERS_MIN and kind != "dd"
        too_long = len(current) + len(text) > TEXT_CHARACTERS_MAX and kind != "dd"
        if current and (block_heading != heading or full or too_long):
            result.append((heading, current))
            current = ""
        heading = block_heading
        joint = "" if not current else " " if current.endswith((".", ":", "?", "!")) else ": "
        current += joint + text
    if current:
        result.append((heading, current))
    return [entry for entry in result if _is_prose(entry[1])]


def _is_prose(text):
    words = re.findall(r"[A-Za-z]{2,}", text)
    return len(words) >= 8 and sum(map(len, words)) >= 0.55 * len(text)


def render(mandoc, path):
    """Returns the HTML of a manual page, or an empty text for one that mandoc cannot read."""
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        source = file.read()
    result = subprocess.run(
        [mandoc, "-T", "html"], input=source, capture_output=True, timeout=60, check=False
    )
    return result.stdout.decode("utf-8", "replace")


def page_rows(package, version, name, html_text):
    """Yields one row {"id", "payload"} per passage of the page `name`, such as `ls.1`."""
    parser = PageParser()
    parser.feed(html_text)
    title, _, section = name.rpartition(".")
    date = parse_date(parser.date_text)
    for number, (heading, text) in enumerate(passages(parser.blocks)):
        payload = {
            "source": "man",
            "section": section,
            "title": f"{title}({section})",
            "text": clip(f"{title}({section}): {text}"),
            "heading": heading,
            "version": version,
            "tags": [package, heading.lower()],
        }
        if date:
            payload["date"] = date
            payload["year"] = int(date[:4])
        yield {"id": f"man:{name}#{number}", "payload": payload}


def page_files(root):
    """Returns {name: path} of the English pages below a package's root, links left out."""
    pages = {}
    for path in sorted(root.glob("usr/share/man/man[0-9]*/*")):
        name = path.name.removesuffix(".gz")
        if path.is_file() and not path.is_symlink() and "." in name:
            pages[name] = path
    return pages
