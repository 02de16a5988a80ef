# SPDX-License-Identifier: Apache-2.0
"""The sample's questions: what a person asks, and the ids of rows that answer it."""

QUESTIONS = [
    (
        "q01",
        "What program shows disk usage per directory?",
        ["deb:ncdu", "deb:duc", "deb:baobab", "deb:gdu"],
    ),
    (
        "q02",
        "How can I see which process uses the most network bandwidth?",
        ["deb:nethogs", "deb:iftop", "deb:bmon"],
    ),
    (
        "q03",
        "Is there a tool that finds duplicate files?",
        ["deb:fdupes", "deb:rdfind", "deb:jdupes"],
    ),
    (
        "q04",
        "How do I make encrypted backups that do not store the same data twice?",
        ["deb:borgbackup"],
    ),
    ("q05", "Where can I keep my passwords safely?", ["deb:keepassxc", "deb:pass"]),
    ("q06", "Which program lets me search for words inside PDF files?", ["deb:pdfgrep"]),
    ("q07", "I want to print sheet music, what should I install?", ["deb:lilypond"]),
    (
        "q08",
        "How can I recover files that were deleted from a disk?",
        ["deb:foremost", "deb:gddrescue"],
    ),
    (
        "q09",
        "Is there software to keep the books of a small company?",
        ["deb:gnucash", "deb:ledger", "deb:hledger"],
    ),
    (
        "q10",
        "How do I keep the same folder on two computers in step?",
        ["deb:syncthing", "deb:unison", "deb:rsync"],
    ),
    ("q11", "How can I see the night sky on my screen?", ["deb:stellarium"]),
    ("q12", "What can I use to take values out of a JSON file in a shell script?", ["deb:jq"]),
    ("q13", "What do you call someone who is afraid of spiders?", ["wn:14382075-n"]),
    ("q14", "Which instrument measures the pressure of the air?", ["wn:02794156-n"]),
    (
        "q15",
        "What is a word for a person who hates to spend money?",
        ["wn:10322084-n", "wn:01114116-a", "wn:01112573-a"],
    ),
    (
        "q16",
        "Which birds cannot fly?",
        ["wn:01518878-n", "wn:01520576-n", "wn:01521399-n", "wn:01523105-n"],
    ),
    ("q17", "What is the capital of Portugal?", ["wn:08986066-n"]),
    ("q18", "Which woman won two Nobel prizes for physics and chemistry?", ["wn:10917703-n"]),
    ("q19", "What causes the ground to shake?", ["wn:07428954-n"]),
    ("q20", "How do plants turn light into food?", ["wn:13537429-n"]),
]
