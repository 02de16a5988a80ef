# SPDX-License-Identifier: Apache-2.0
"""Rules that all text sources share: white space, length, and what counts as the same text."""

import re

# The model reads about 70 tokens in this many characters, so what the payload shows is what the
# vector was made of.
TEXT_CHARACTERS_MAX = 300
TEXT_CHARACTERS_MIN = 24
_COARSE = re.compile(
    r"\b(slurs?|obscen\w*|vulgar\w*|offensive|derogatory|disparag\w*|insulting|sexual\w*|"
    r"genital\w*|copulat\w*|prostitut\w*|rape[ds]?|rapists?|molest\w*)\b",
    re.IGNORECASE,
)


def squeeze(text):
    """Returns the text on one line with single blanks."""
    return " ".join(text.split())


def clip(text, limit=TEXT_CHARACTERS_MAX):
    """Cuts a text to `limit` characters: after a sentence if one ends in the second half, else
    after a word, marked by an ellipsis."""
    text = squeeze(text)
    if len(text) <= limit:
        return text
    head = text[:limit]
    ends = [match.end() for match in re.finditer(r"[.!?](?= )", head)]
    if ends and ends[-1] >= limit // 2:
        return head[: ends[-1]]
    return head[: limit - 2].rpartition(" ")[0] + " …"


def same_text_key(text):
    """Two texts with the same key count as the same text: letters and digits, case ignored."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def is_coarse(text):
    """True for texts on words that insult and the like. A dictionary has them and so do the rows
    of the full data set; a sample and a list of queries need none."""
    return _COARSE.search(text) is not None
