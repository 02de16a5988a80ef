# SPDX-License-Identifier: Apache-2.0
"""Goal: every source's format is read as its definition says. Method: small hand-made inputs."""

import unittest

from recipe import debian, manual, questions, text_rules, wordnet


class TextRules(unittest.TestCase):
    def test_clip_keeps_a_short_text(self):
        self.assertEqual(text_rules.clip("  two\n words "), "two words")

    def test_clip_cuts_after_a_sentence_of_the_second_half(self):
        self.assertEqual(text_rules.clip("One two three. Four five six", 20), "One two three.")

    def test_clip_cuts_after_a_word_otherwise_and_says_so(self):
        clipped = text_rules.clip("One. " + "word " * 20, 30)
        self.assertTrue(clipped.endswith("word …"), clipped)
        self.assertLessEqual(len(clipped), 30)

    def test_same_text_ignores_case_blanks_and_punctuation(self):
        same = text_rules.same_text_key
        self.assertEqual(same("A  tool, for X_y!"), same("a tool for x Y"))
        self.assertNotEqual(same("a tool"), same("a stool"))

    def test_coarse_words(self):
        self.assertTrue(text_rules.is_coarse("(ethnic slur) a word"))
        self.assertFalse(text_rules.is_coarse("a grape and a drapery"))


class WordNet(unittest.TestCase):
    LINE = (
        "00004258 05 n 02 water_dog 0 animate_thing 0 003 @ 00003553 n 0000 "
        '-c 01646941 a 0000 ;c 06000000 n 0000 | a living thing; "is it alive?"; "a dog"  \n'
    )

    def test_a_synset(self):
        synset = wordnet.parse_synset(self.LINE)
        self.assertEqual(synset["lexname"], "noun.animal")
        self.assertEqual(synset["words"], ["water dog", "animate thing"])
        self.assertEqual(synset["definition"], "a living thing")
        self.assertEqual(synset["examples"], ["is it alive?", "a dog"])
        self.assertEqual(synset["pointers"][0], ("@", "00003553", "n"))
        self.assertEqual(len(synset["pointers"]), 3)

    def test_the_licence_heading_is_no_synset(self):
        self.assertIsNone(wordnet.parse_synset("  1 This software and database is provided\n"))

    def test_word_counts_are_hexadecimal(self):
        words = " ".join(f"w{n} 0" for n in range(16))
        synset = wordnet.parse_synset(f"00000001 29 v 10 {words} 000 01 + 02 00 | to do")
        self.assertEqual(len(synset["words"]), 16)
        self.assertEqual(synset["definition"], "to do")

    def test_marks_of_adjectives_are_dropped(self):
        synset = wordnet.parse_synset("00000002 00 a 01 galore(ip) 0 000 | in abundance")
        self.assertEqual(synset["words"], ["galore"])

    def test_a_gloss_with_quotes_inside_its_definition(self):
        definition, examples = wordnet.split_gloss('used in the phrase (as "by far"); "by far"')
        self.assertEqual(definition, 'used in the phrase (as "by far")')
        self.assertEqual(examples, ["by far"])

    def test_an_attribution_after_an_example_is_not_part_of_the_definition(self):
        definition, _ = wordnet.split_gloss('a tint; "the dark eyes"- T. N. Carver')
        self.assertEqual(definition, "a tint")

    def test_years(self):
        self.assertEqual(wordnet.birth_year("German composer (1770-1827)"), 1770)
        self.assertEqual(wordnet.birth_year("English geneticist (born in 1944)"), 1944)
        self.assertIsNone(wordnet.birth_year("a weight of (1000) pounds, 1850 to 1900"))

    def test_rows_point_to_the_words_of_their_hypernyms(self):
        parent = "00003553 03 n 01 whole 0 000 | an assemblage"
        synsets = [wordnet.parse_synset(parent), wordnet.parse_synset(self.LINE)]
        row = list(wordnet.synset_rows(synsets))[1]
        self.assertEqual(row["id"], "wn:00004258-n")
        self.assertEqual(row["payload"]["tags"], ["whole"])
        self.assertEqual(row["payload"]["text"], "water dog, animate thing: a living thing")
        self.assertNotIn("year", row["payload"])


class Debian(unittest.TestCase):
    def test_stanzas(self):
        stanzas = debian.parse_stanzas("Package: a\nTag: x::y,\n z\n\nPackage: b\nUrl: p:q\n\n\n")
        self.assertEqual([s["Package"] for s in stanzas], ["a", "b"])
        self.assertEqual(stanzas[0]["Tag"], "x::y,\n z")
        self.assertEqual(stanzas[1]["Url"], "p:q")

    def test_a_description_without_its_lists(self):
        synopsis, paragraphs = debian.description_paragraphs(
            "disk usage viewer\n First line\n second line.\n .\n"
            "  verbatim\n  * item\n - item\n Last."
        )
        self.assertEqual(synopsis, "disk usage viewer")
        self.assertEqual(paragraphs, ["First line second line.", "Last."])

    def test_a_row(self):
        stanza = {
            "Package": "tool", "Version": "1-1", "Description": "short", "Section": "contrib/net",
            "Description-md5": "m", "Installed-Size": "12", "Tag": "a::{one,two}, b::c",
            "Priority": "optional",
        }  # fmt: skip
        (row,) = debian.package_rows([stanza, stanza], {"m": "a tool!\n Long part."})
        self.assertEqual(row["id"], "deb:tool")
        self.assertEqual(row["payload"]["text"], "tool: a tool! Long part.")
        self.assertEqual(row["payload"]["tags"], ["a::one", "a::two", "b::c"])
        self.assertEqual(row["payload"]["section"], "net")
        self.assertEqual(row["payload"]["installed_kib"], 12)

    def test_templates_are_left_out(self):
        base = {"Version": "1", "Description": "d"}
        stanzas = [
            {**base, "Package": "gir1.2-x", "Section": "introspection"},
            {**base, "Package": "librust-x+y-dev", "Section": "rust"},
            {**base, "Package": "g++", "Section": "devel"},
        ]
        self.assertEqual([row["id"] for row in debian.package_rows(stanzas, {})], ["deb:g++"])


class Manual(unittest.TestCase):
    PAGE = """
      <table class="head"><tr><td class="head-ltitle">ls(1)</td></tr></table>
      <section><h1 class="Sh">NAME</h1><p>ls - list</p></section>
      <section><h1 class="Sh">DESCRIPTION</h1>
      <p>List information about the files in the current directory, sorted by name.</p>
      <pre>$ ls -l</pre>
      <dl><dt><b>-a</b></dt><dd>do not ignore entries that start with a dot, please</dd>
      <dt>&bull;</dt><dd>Bullets are not terms but the words after them are text.</dd></dl>
      </section>
      <section><h1>SEE ALSO</h1><p>Many other pages that list other things too.</p></section>
      <table class="foot"><tr><td class="foot-date">July 16, 2022</td></tr></table>"""

    def rows(self):
        return list(manual.page_rows("coreutils", "9.1-1", "ls.1", self.PAGE))

    def test_passages_keep_terms_with_their_definitions(self):
        texts = [row["payload"]["text"] for row in self.rows()]
        self.assertEqual(len(texts), 1, texts)
        self.assertTrue(texts[0].startswith("ls(1): List information about"))
        self.assertIn("-a: do not ignore", texts[0])
        self.assertIn("please: Bullets", texts[0])
        self.assertNotIn("$ ls", texts[0])

    def test_payload(self):
        row = self.rows()[0]
        self.assertEqual(row["id"], "man:ls.1#0")
        self.assertEqual(row["payload"]["date"], "2022-07-16")
        self.assertEqual(row["payload"]["year"], 2022)
        self.assertEqual(row["payload"]["tags"], ["coreutils", "description"])

    def test_dates(self):
        self.assertEqual(manual.parse_date("2023-02-05"), "2023-02-05")
        self.assertEqual(manual.parse_date("November 28, 2022"), "2022-11-28")
        self.assertIsNone(manual.parse_date("September 2022"))
        self.assertIsNone(manual.parse_date(""))

    def test_a_long_passage_ends_before_the_next_paragraph(self):
        blocks = [("OPTIONS", "p", "several words of prose " * 6)] * 3
        self.assertEqual(len(manual.passages(blocks)), 3)

    def test_tables_of_symbols_are_no_prose(self):
        self.assertEqual(manual.passages([("X", "p", "0x1 | 0x2 | 0x4 == ~(a & b) " * 5)]), [])


class Questions(unittest.TestCase):
    def test_numbering_goes(self):
        self.assertEqual(
            questions.as_question("3.14: How do I get coloured prompts?"),
            "How do I get coloured prompts?",
        )

    def test_what_is_no_question(self):
        for text in (
            "How do I do this.",
            "Why?",
            "Is it so? Or is it not so at all?",
            "Oh well, is it time?",
            "It is late. Do we go home now?",
        ):
            self.assertIsNone(questions.as_question(text), text)

    def test_sentences_in_prose(self):
        found = questions.questions_in_prose("A tool. Do you forget your keys often? It helps.")
        self.assertEqual(found, ["Do you forget your keys often?"])

    def test_html(self):
        blocks = questions.html_blocks("<h2>1.2 What is <i>this</i> for?</h2><p>An answer.<br>B")
        self.assertEqual(blocks, ["1.2 What is this for?", "An answer.", "B"])

    def test_each_question_once_and_none_that_is_a_row(self):
        asked = [("faq", "faq:a", "Is it here?"), ("faq", "faq:b", "is it HERE?"),
                 ("faq", "faq:a", "Is it known?"), ("faq", "faq:a", "Is it new?")]  # fmt: skip
        found = questions.collect(asked, {"is it known"})
        self.assertEqual([row["id"] for row in found], ["faq:a?0", "faq:a?1"])


if __name__ == "__main__":
    unittest.main()
