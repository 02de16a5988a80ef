# SPDX-License-Identifier: Apache-2.0
"""Goal: rows are distinct and ordered, files whole or absent, filters counted as defined.

Method: small inputs in a temporary folder; faults are made by hand.
"""

import contextlib
import io
import pathlib
import tempfile
import unittest

from recipe import command_line, corpus, files, filters, sample


def row(row_id, text, **payload):
    return {"id": row_id, "payload": {"text": text, **payload}}


class Corpus(unittest.TestCase):
    def test_one_row_per_text_in_an_order_of_its_own(self):
        rows = [
            row("a", "A sentence that is long enough."),
            row("b", "a sentence, that is long enough"),
            row("c", "too short"),
            row("d", "Another one that is long enough"),
        ]
        kept = corpus.distinct(rows)
        self.assertEqual(kept, corpus.distinct(list(reversed(rows))))
        self.assertEqual(len(kept), 2)
        self.assertEqual(kept[0]["payload"]["length"], len(kept[0]["payload"]["text"]))

    def test_rows_with_a_query_go(self):
        rows = [row("a", "tool: Do you forget keys? It helps."), row("b", "Who does? A tool.")]
        kept = list(corpus.without_questions(rows, [{"question": "Do you forget keys?"}]))
        self.assertEqual([r["id"] for r in kept], ["b"])


class Sample(unittest.TestCase):
    def test_expected_rows_are_in_and_coarse_ones_out(self):
        rows = [row("w", "vulgar word", source="wordnet", tags=[]),
                row("x", "plain word", source="wordnet", tags=[]),
                row("y", "untagged", source="debian", tags=[]),
                row("z", "tagged", source="debian", tags=["a"]),
                row("m", "page", source="man", tags=["a"])]  # fmt: skip
        self.assertEqual([r["id"] for r in sample.choose(rows, [])], ["x", "z"])
        self.assertEqual([r["id"] for r in sample.choose(rows, ["y"])], ["x", "y", "z"])

    def test_a_missing_answer_is_named(self):
        with self.assertRaisesRegex(files.RecipeError, "gone"):
            sample.choose([], ["gone"])

    def test_the_questions_are_well_formed(self):
        self.assertEqual(len({name for name, _, _ in sample.QUESTIONS}), 20)
        for _, question, expected in sample.QUESTIONS:
            self.assertTrue(question.endswith("?") and expected, question)


class Filters(unittest.TestCase):
    PAYLOAD = {"source": "debian", "tags": ["a", "b"], "installed_kib": 10, "name": "5"}

    def check(self, expected, condition):
        self.assertEqual(filters.matches(condition, self.PAYLOAD), expected, condition)

    def test_conditions(self):
        self.check(True, {"key": "tags", "match": {"value": "b"}})
        self.check(False, {"key": "tags", "match": {"value": "c"}})
        self.check(True, {"key": "tags", "match": {"any": ["c", "a"]}})
        self.check(True, {"key": "installed_kib", "range": {"gte": 10, "lt": 11}})
        self.check(False, {"key": "installed_kib", "range": {"gt": 10}})
        self.check(False, {"key": "name", "range": {"gt": 1}})
        self.check(False, {"key": "year", "range": {"gt": 0}})
        self.check(True, {"is_empty": {"key": "year"}})
        self.check(False, {"is_empty": {"key": "tags"}})

    def test_clauses(self):
        yes = {"key": "source", "match": {"value": "debian"}}
        no = {"key": "source", "match": {"value": "man"}}
        self.check(True, {"must": [yes], "must_not": [no]})
        self.check(False, {"must": [yes, no]})
        self.check(True, {"should": [no, yes]})
        self.check(False, {"should": [no]})
        self.check(True, {})

    def test_all_filters_can_be_counted(self):
        counted = filters.measured([{"id": "x", "payload": self.PAYLOAD}])
        self.assertEqual({e["name"]: e["matching"] for e in counted}["packages"], 1)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self):
        files.write_text(self.folder / "a", "old")
        with self.assertRaises(KeyError), files.replacing(self.folder / "a") as partial:
            partial.write_text("new", encoding="utf-8")
            raise KeyError
        self.assertEqual((self.folder / "a").read_text(encoding="utf-8"), "old")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["a"])

    def test_jsonl_round_trip(self):
        rows = [row("é", "two\nlines"), row("b", "x")]
        files.write_jsonl(self.folder / "rows", rows)
        self.assertEqual(files.read_jsonl(self.folder / "rows"), rows)

    def test_verify_finds_every_kind_of_fault(self):
        for name in ("same", "longer", "changed", "gone"):
            files.write_text(self.folder / name, name)
        files.write_manifest(self.folder, ("same", "longer", "changed", "gone"), {"name": "x"})
        self.assertEqual(files.verify(self.folder), [])
        (self.folder / "longer").write_text("longer!", encoding="utf-8")
        (self.folder / "changed").write_text("CHANGED", encoding="utf-8")
        (self.folder / "gone").unlink()
        faults = files.verify(self.folder)
        self.assertEqual(len(faults), 3, faults)
        self.assertIn("7 bytes instead of 6", faults[0])

    def test_progress_is_silent_for_short_steps(self):
        stream = io.StringIO()
        progress = files.Progress("step", 2, "rows", stream)
        progress.update(1)
        progress.finish()
        self.assertEqual(stream.getvalue(), "")


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.errors = self.enterContext(contextlib.redirect_stderr(io.StringIO()))
        self.output = self.enterContext(contextlib.redirect_stdout(io.StringIO()))

    def run_make(self, *arguments):
        return command_line.main([*arguments, "--data", str(self.folder)])

    def test_outputs(self):
        options = command_line.parse(["text", "--data", str(self.folder)])
        self.assertEqual(options.output, self.folder / "text")
        self.assertEqual(command_line.parse(["sample"]).output, command_line.SAMPLE_FOLDER)

    def test_wrong_usage(self):
        for arguments in ([], ["cook"], ["text", "--workers", "0"], ["text", "--colour"]):
            with self.assertRaises(SystemExit) as caught:
                command_line.parse(arguments)
            self.assertEqual(caught.exception.code, 64, arguments)

    def test_verify(self):
        self.assertEqual(self.run_make("text", "--verify"), 66)
        files.write_text(self.folder / "text/a", "a")
        files.write_manifest(self.folder / "text", ["a"], {})
        self.assertEqual(self.run_make("text", "--verify"), 0)
        (self.folder / "text/a").write_text("b", encoding="utf-8")
        self.assertEqual(self.run_make("text", "--verify"), 65)
        self.assertIn("remedy", self.errors.getvalue())

    def test_a_finished_set_is_left_alone(self):
        files.write_text(self.folder / "text/a", "a")
        files.write_manifest(self.folder / "text", ["a"], {})
        self.assertEqual(self.run_make("text"), 0)
        self.assertIn("already made", self.output.getvalue())

    def test_a_broken_manifest_is_named(self):
        files.write_text(self.folder / "text" / files.MANIFEST_NAME, "{")
        self.assertEqual(self.run_make("text", "--verify"), 65)


if __name__ == "__main__":
    unittest.main()
