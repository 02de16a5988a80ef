# SPDX-License-Identifier: Apache-2.0
"""Debian as a source: package indexes and the contents of packages, without installing anything.

`Archive` keeps package lists and unpacked packages in a folder of its own and asks apt with the
machine's configured sources, so no step needs root and the machine's own lists stay as they are.
The lists hold long descriptions too, which container images leave out.
"""

import pathlib
import re
import subprocess

from . import files
from .text_rules import clip, squeeze

_TEMPLATE_SECTIONS = {"debug", "introspection", "localization"}
_APT_CAT = "/usr/lib/apt/apt-helper"


class Archive:
    """Fetches from Debian into `folder` and remembers what it has."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._lists = self._folder / "lists"
        self._roots = self._folder / "packages"
        self._options = [
            f"Dir::State::Lists={self._lists}",
            f"Dir::Cache={self._folder}/cache",
            "Acquire::Languages=en",
            "APT::Sandbox::User=",
        ]

    def refresh(self, again=False):
        """Fetches the package lists unless they are there; `again` fetches them anyway."""
        if again or not self._index_files("Translation-en"):
            for folder in (self._lists / "partial", self._folder / "cache/archives/partial"):
                folder.mkdir(parents=True, exist_ok=True)
            self._run(["apt-get", "update", "-qq"], "fetch the package lists")
        if not self._index_files("Translation-en"):
            raise files.RecipeError(
                f"apt fetched no package list of {codename()}/main: check its sources", 69
            )

    def unpack(self, names):
        """Returns {name: (folder, version)} with the contents of each package."""
        missing = [name for name in names if not self._unpacked(name)]
        if missing:
            debs = self._folder / "debs"
            debs.mkdir(parents=True, exist_ok=True)
            purpose = "download packages; if the archive has newer ones, --refresh helps"
            self._run(["apt-get", "download", "-qq", *missing], purpose, debs)
            for name in missing:
                self._unpack_one(name, debs)
        return {name: self._unpacked(name) for name in names}

    def _unpack_one(self, name, debs):
        found = sorted(debs.glob(f"{name}_*.deb"))
        if len(found) != 1:
            raise files.RecipeError(f"expected one {name}_*.deb in {debs}, found {len(found)}", 69)
        version = self._run(["dpkg-deb", "-f", str(found[0]), "Version"], f"read {name}").strip()
        root = self._roots / name
        self._run(["rm", "-rf", str(root)], f"clear {root}")
        root.mkdir(parents=True)
        self._run(["dpkg-deb", "-x", str(found[0]), str(root)], f"unpack {name}")
        files.write_text(self._roots / f"{name}.version", version + "\n")
        found[0].unlink()

    def _unpacked(self, name):
        try:
            version = (self._roots / f"{name}.version").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return self._roots / name, version

    def packages(self):
        """Returns the package stanzas of <codename>/main as dictionaries, in their order."""
        return parse_stanzas(self._index_text("binary-*_Packages"))

    def translations(self):
        """Returns {description md5: description with its long part}."""
        return {
            stanza["Description-md5"]: stanza["Description-en"]
            for stanza in parse_stanzas(self._index_text("i18n_Translation-en"))
            if "Description-en" in stanza
        }

    def _index_files(self, kind):
        pattern = f"*_dists_{codename()}_main_*{kind}*"
        return sorted(path for path in self._lists.glob(pattern) if path.is_file())

    def _index_text(self, kind):
        found = self._index_files(kind)
        command = [_APT_CAT, "cat-file", *map(str, found[:1])]
        return self._run(command, f"read {kind}")

    def _run(self, command, purpose, folder=None):
        if command[0].startswith("apt"):
            options = [word for option in self._options for word in ("-o", option)]
            command = [command[0], *options, *command[1:]]
        try:
            result = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise files.RecipeError(f"cannot {purpose}: {error.filename} not found", 69) from error
        if result.returncode != 0:
            reason = result.stderr.decode("utf-8", "replace").strip() or "no reason given"
            raise files.RecipeError(f"cannot {purpose}: {reason}", 69)
        return result.stdout.decode("utf-8", "replace")


def codename():
    """Returns the name of the Debian release this machine runs, such as `bookworm`."""
    for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise files.RecipeError("/etc/os-release names no Debian release", 69)


def parse_stanzas(text):
    """Returns the paragraphs of a Debian control file as {field: value} with line breaks kept."""
    stanzas = []
    for block in re.split(r"\n\s*\n", text):
        fields, name = {}, None
        for line in block.splitlines():
            if line[:1] in (" ", "\t"):
                if name:
                    fields[name] += "\n" + line
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if fields:
            stanzas.append(fields)
    return stanzas


def description_paragraphs(description):
    """Splits a Debian description into its synopsis and the paragraphs of prose after it.

    Verbatim lines (two blanks or more) and list items are left out.
    """
    synopsis, *lines = description.split("\n")
    paragraphs, current = [], []
    for line in [*lines, " ."]:
        body = line[1:]
        if body.strip() in (".", ""):
            if current:
                paragraphs.append(squeeze(" ".join(current)))
            current = []
        elif not body.startswith(" ") and not re.match(r"[-*+o] ", body):
            current.append(body)
    return squeeze(synopsis), paragraphs


def package_text(name, description):
    """Returns the text that stands for a package: name, synopsis, and the start of its prose."""
    synopsis, paragraphs = description_paragraphs(description)
    stop = "" if synopsis.endswith((".", "!", "?")) else "."
    return clip(f"{name}: {synopsis}{stop} {' '.join(paragraphs)}")


def is_boilerplate(stanza):
    """True for packages whose description is their maker's template with a name filled in."""
    section = stanza.get("Section", "").rpartition("/")[2]
    return section in _TEMPLATE_SECTIONS or "+" in stanza["Package"] and section == "rust"


def package_rows(stanzas, translations):
    """Yields one row {"id", "payload"} per package name that has a description of its own."""
    seen = set()
    for stanza in stanzas:
        name = stanza.get("Package")
        if not name or name in seen or "Description" not in stanza or is_boilerplate(stanza):
            continue
        seen.add(name)
        description = translations.get(stanza.get("Description-md5"), stanza["Description"])
        tags = [tag.strip() for tag in stanza.get("Tag", "").replace("\n", " ").split(",")]
        payload = {
            "source": "debian",
            "section": stanza.get("Section", "").rpartition("/")[2],
            "title": name,
            "text": package_text(name, description),
            "version": stanza["Version"],
            "priority": stanza.get("Priority", ""),
            "tags": [tag for tag in _expand_tags(tags) if tag],
        }
        if stanza.get("Installed-Size", "").isdigit():
            payload["installed_kib"] = int(stanza["Installed-Size"])
        yield {"id": f"deb:{name}", "payload": payload}


def _expand_tags(tags):
    """Undoes the short form `facet::{one,two}`, whose commas the split above has cut."""
    facet = None
    for tag in tags:
        if "{" in tag:
            facet, _, tag = tag.partition("{")
        closes = tag.endswith("}")
        yield (facet or "") + tag.rstrip("}")
        if closes:
            facet = None
