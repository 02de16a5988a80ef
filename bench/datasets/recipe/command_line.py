# SPDX-License-Identifier: Apache-2.0
"""The command line of `make`. Standard library only until the recipe's own Python is running.

A command that computes starts itself again inside a virtual environment, which it makes on first
use from `requirements.txt`. `--help` and `--verify` need none.
"""

import argparse
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

from . import files

HERE = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENTS = HERE / "requirements.txt"
SAMPLE_FOLDER = HERE.parent.parent / "tests" / "data" / "sample"
_EPILOG = """\
Without --output a data set goes to DATA/text or DATA/pixels, and the sample to tests/data/sample of
this checkout. DATA is --data, else $PERIGEE_DATA, else ~/.cache/perigee/datasets. What is fetched
and half done is kept in DATA/work, so an interrupted command goes on where it stopped.

exit codes: 0 made, or already there; 64 wrong usage; 65 a file differs from its checksum;
66 nothing to verify; 69 a package cannot be fetched; 70 a fault in the recipe; 74 cannot read or
write; 75 another make is running; 130 interrupted
"""


def default_data():
    return pathlib.Path(
        os.environ.get("PERIGEE_DATA") or pathlib.Path.home() / ".cache/perigee/datasets"
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(64)


def parse(arguments):
    parser = _Parser(
        prog="make",
        description="Makes the data sets that Perigee's tests and benchmarks use.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in (
        ("text", "180,000 embedded texts with payload, questions and exact neighbours"),
        ("pixels", "Fashion-MNIST: 60,000 images of 784 pixels with labels"),
        ("sample", "5,000 rows of text and 20 questions, small enough to commit"),
    ):
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--data", type=pathlib.Path, metavar="DIR", help="cache of all sets")
        command.add_argument("--output", type=pathlib.Path, metavar="DIR", help="its own folder")
        command.add_argument(
            "--verify", action="store_true", help="only compare the files with the manifest"
        )
        command.add_argument("--again", action="store_true", help="make it even if it is there")
        command.add_argument(
            "--refresh", action="store_true", help="fetch the package lists anew (implies --again)"
        )
        if name == "text":
            command.add_argument(
                "--workers", type=int, metavar="N", help="embedding processes (default: all cores)"
            )
    options = parser.parse_args(arguments)
    if getattr(options, "workers", None) is not None and options.workers < 1:
        parser.error(f"--workers {options.workers}: at least 1 is needed")
    options.data = (options.data or default_data()).absolute()
    standard = SAMPLE_FOLDER if options.command == "sample" else options.data / options.command
    options.output = (options.output or standard).absolute()
    options.again |= options.refresh
    return options


def main(arguments):
    options = parse(arguments)
    try:
        return _verify(options) if options.verify else _make(options, arguments)
    except files.RecipeError as error:
        print(f"make {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"make {options.command}: {error}", file=sys.stderr)
        return 74
    except KeyboardInterrupt:
        print(f"\nmake {options.command}: interrupted; run it again to go on", file=sys.stderr)
        return 130


def _verify(options):
    faults = files.verify(options.output)
    for fault in faults:
        print(f"make {options.command}: {fault}", file=sys.stderr)
    if faults:
        print(f"make {options.command}: remedy: make {options.command} --again", file=sys.stderr)
        return 65
    print(f"{options.output}: every file matches {files.MANIFEST_NAME}")
    return 0


def _make(options, arguments):
    if not options.again and files.read_manifest(options.output) is not None:
        print(f"{options.output}: already made; check it with --verify, make it anew with --again")
        return 0
    work = options.data / "work"
    work.mkdir(parents=True, exist_ok=True)
    python = prepare_python(work)
    if pathlib.Path(sys.prefix).resolve() != (work / "venv").resolve():
        command = [str(python), str(HERE / "make"), *arguments]
        sys.stdout.flush()
        os.execv(command[0], command)
    with open(work / "lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise files.RecipeError(f"another make is at work in {work}", 75) from error
        return _run_recipe(options, work)


def _run_recipe(options, work):
    from . import debian

    archive = debian.Archive(work / "debian")
    archive.refresh(again=options.refresh)
    if options.command == "text":
        from . import text

        summary = text.make(archive, options.output, work / "text", options.workers)
    elif options.command == "pixels":
        from . import pixels

        summary = pixels.make(archive, options.output)
    else:
        from . import sample

        summary = sample.make(archive, options.output)
    print(f"{options.output}: {summary}")
    return 0


def prepare_python(work):
    """Returns the Python of a virtual environment that has exactly `requirements.txt`."""
    environment = work / "venv"
    stamp = environment / "requirements"
    python = environment / "bin" / "python"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and python.exists():
        return python
    print("installing the recipe's Python packages (once)", file=sys.stderr)
    shutil.rmtree(environment, ignore_errors=True)
    _run(
        [sys.executable, "-m", "venv", str(environment)],
        "make a virtual environment; on Debian: apt-get install python3-venv",
    )
    _run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--requirement", str(REQUIREMENTS)],
        "install the packages of requirements.txt",
    )  # fmt: skip
    files.write_text(stamp, wanted)
    return python


def _run(command, purpose):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr or result.stdout).strip()
        raise files.RecipeError(f"cannot {purpose}\n{reason}", 69)
