# SPDX-License-Identifier: Apache-2.0
"""Held-out queries: real questions, found in texts that are not rows of the data set.

Three kinds, told apart by their ids: `faq:` questions that head an answer in the documentation of
a package, `man:` and `deb:` questions that occur in the prose of manual pages and package
descriptions, and `wn:` usage examples of WordNet that are questions.
"""

import gzip
import html.parser
import re

from .text_rules import same_text_key, squeeze

FAQ_PACKAGES = (
    "perl-doc", "python3.11-doc", "debian-faq", "zsh-common", "sqlite3-doc", "r-doc-html",
)  # fmt: skip
_OPENERS = (
    "how what why when where which who whose can could do does did is are am was were should "
    "shall will would may must has have isn't aren't doesn't don't can't won't"
).split()
_NUMBERING = re.compile(r"^(?:[QA]?\d+(?:[.:]\d+)*|Q\d*)[.:)]*\s+", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:^|(?<=[.!?:] ))([A-Z][^.!?]{14,158}\?)(?=\s|$)")
QUESTION_CHARACTERS_MIN = 16
QUESTION_CHARACTERS_MAX = 160


class BlockParser(html.parser.HTMLParser):
    """Collects the text of each block element of any HTML page."""

    _BLOCKS = {
        "p", "dt", "dd", "li", "h1", "h2", "h3", "h4", "h5", "pre", "td", "th", "div", "section",
        "dl", "ul", "ol", "table", "body", "br", "title", "blockquote",
    }  # fmt: skip

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.blocks = []
        self._words = []

    def handle_starttag(self, tag, attrs):
        if tag in self._BLOCKS:
            self.flush()

    def handle_endtag(self, tag):
        if tag in self._BLOCKS:
            self.flush()

    def handle_data(self, data):
        self._words.append(data)

    def flush(self):
        text = squeeze("".join(self._words))
        self._words = []
        if text:
            self.blocks.append(text)


def as_question(text):
    """Returns the text without numbering if it is one question, else None."""
    text = _NUMBERING.sub("", squeeze(text).rstrip("¶# ")).strip("\"' ")
    if not QUESTION_CHARACTERS_MIN <= len(text) <= QUESTION_CHARACTERS_MAX:
        return None
    if not text.endswith("?") or text.count("?") != 1 or re.search(r"[.!] [A-Z]", text):
        return None
    words = text.split()
    if len(words) < 4 or re.search(r"[<>{}\\|=$]", text):
        return None
    return text if words[0].lower().strip("\"'(") in _OPENERS else None


def questions_in_prose(text):
    """Returns the sentences of a running text that are questions."""
    return [q for q in map(as_question, _SENTENCE.findall(squeeze(text))) if q]


def html_blocks(text):
    parser = BlockParser()
    parser.feed(text)
    parser.flush()
    return parser.blocks


def faq_questions(root):
    """Returns the questions that head an entry in a package's FAQ files, in file order."""
    found = []
    for path in sorted(root.glob("usr/share/**/*")):
        if not path.is_file() or "faq" not in str(path.relative_to(root)).lower():
            continue
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            text = file.read().decode("utf-8", "replace")
        stem = path.name.removesuffix(".gz")
        if stem.endswith((".html", ".htm")):
            blocks = html_blocks(text)
        elif re.search(r"\.\d\w*$", stem):
            blocks = re.findall(r'^\.S[HS] "?(.*?)"?$', text, re.MULTILINE)
        else:
            blocks = text.splitlines()
        found += [question for question in map(as_question, blocks) if question]
    return found


def collect(named_texts, taken):
    """Returns [{"id", "question", "source"}] for (prefix, question) pairs, each text once.

    Leaves out a question whose words are in `taken`, the keys of texts that became rows.
    """
    seen, rows, numbers = set(), [], {}
    for source, name, question in named_texts:
        key = same_text_key(question)
        if key in seen or key in taken:
            continue
        seen.add(key)
        number = numbers[name] = numbers.get(name, -1) + 1
        rows.append({"id": f"{name}?{number}", "question": question, "source": source})
    return rows
