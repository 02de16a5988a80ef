// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/finding_meaning.h"

#include <algorithm>

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kRestore = "Restore the directory from a backup.";
constexpr std::string_view kRestoreFile =
    "Copy this very file from a backup or another copy of the database; it never changes.";
constexpr std::string_view kNoOpen = "The database does not open.";
constexpr std::string_view kCollectionStops =
    "Reads that meet this segment fail (promise 4: never a wrong answer), unless partial answers "
    "are asked for; its collection takes no writes.";
constexpr std::string_view kSlower =
    "Answers stay right: queries on this segment compare row by row and are slower.";
constexpr std::string_view kRebuild = "Optimize the collection, which builds the section anew.";
constexpr std::string_view kNoRestore =
    "The snapshot is not what was written; perigee restore refuses it.";
constexpr std::string_view kOtherSnapshot =
    "Use another snapshot, or another copy of this one; nothing in a snapshot ever changes.";
constexpr std::string_view kNothing = "Nothing is wrong.";
constexpr std::string_view kLater = "A later version wrote this; this one cannot judge it.";
constexpr std::string_view kUseLater = "Use the version that wrote it.";
constexpr std::string_view kLogRepair =
    "Restore from a backup if there is one. Else perigee-inspect wal repair DIR --to-lsn N gives "
    "up what is behind LSN N and says first what that is.";
constexpr std::string_view kCandidates =
    "Restore CURRENT and manifest from a backup of the same moment; perigee-inspect manifest DIR "
    "lists the manifests that are whole.";

}  // namespace

const std::vector<FindingMeaning>& AllMeanings() {
  static const std::vector<FindingMeaning> rows = {
      {"collection.duplicate_id",
       "The database does not open: an id has two live rows, and nobody can say which is right.",
       kRestore},
      {"current.identity", "CURRENT is of another database; this one does not open.", kRestore},
      {"current.missing", "Nothing says which manifest is in force; the database does not open.",
       kCandidates},
      {"current.text", kNoOpen, kCandidates},
      {"current.version", kLater, kUseLater},
      {"deletion.body", kCollectionStops, kRestoreFile},
      {"deletion.header", kCollectionStops, kRestoreFile},
      {"deletion.missing", kCollectionStops, kRestoreFile},
      {"deletion.reference",
       "This is not the deletion file that the manifest means; with it, deleted points would come "
       "back (promise 5), so reads of the collection fail instead.",
       kRestoreFile},
      {"directory.folder", kNoOpen, "Make it a directory again, with the files that were in it."},
      {"directory.initialising",
       "Somebody began to make a database here and was interrupted; nothing was ever acknowledged.",
       "Open it for writing with create_if_missing, or remove the directory."},
      {"directory.leftover", kNothing, "None; the writer removes it in time."},
      {"directory.obsolete", kNothing, "None; the writer removes it in time."},
      {"directory.stray",
       "A crash between naming a file and the edit that makes it live left it behind; no data is "
       "missing.",
       "Remove it when the space matters and no writer is running."},
      {"directory.temporary", kNothing, "None; the next read-write open empties tmp/."},
      {"directory.unknown", "Somebody else put it here.", "Move it elsewhere."},
      {"file.truncated", "The file ends before its content does.", kRestoreFile},
      {"file.unreadable",
       "The operating system cannot read it; whether its bytes are right is not known.",
       "Look at the system's log, the permissions and the disk, then verify again."},
      {"format.incompat", kLater, kUseLater},
      {"format.record", kLater, kUseLater},
      {"format.ro_compat", "A later version wrote this; it may be read, not written.", kUseLater},
      {"format.section", kLater, kUseLater},
      {"format.version", kLater, kUseLater},
      {"identity.checksum", kNoOpen, kRestoreFile},
      {"identity.field", kNoOpen, kRestoreFile},
      {"identity.magic", kNoOpen, kRestoreFile},
      {"identity.missing", kNoOpen, kRestoreFile},
      {"identity.size", kNoOpen, kRestoreFile},
      {"log.applied",
       "No record is lost: all that this file held is in segments. But the disk changed bytes.",
       "Look at the disk; the file goes with the next removal of old log files."},
      {"log.attach",
       "The database does not open: a bulk load that the manifest knows is not in the log.",
       kRestore},
      {"log.collection",
       "The database does not open: records belong to a collection that nothing creates or drops.",
       kRestore},
      {"log.content",
       "The database does not open: a record is whole and means nothing. That is a bug, not a "
       "fault of the disk.",
       "Keep the directory and report it."},
      {"log.epoch",
       "The log is of a later open than the manifest: the manifest is an older copy, so the "
       "database does not open.",
       kRestore},
      {"log.header",
       "Acknowledged records in this log file cannot be read (promise 1); the database does not "
       "open.",
       kLogRepair},
      {"log.identity", "The file is of another database or place; this one does not open.",
       kRestore},
      {"log.missing",
       "Acknowledged records are in no log file (promise 1); the database does not open.",
       kRestore},
      {"log.record",
       "An acknowledged record is damaged (promise 1); the database does not open rather than "
       "lose it silently.",
       kLogRepair},
      {"log.size",
       "The log file does not have the length its header says; the database does not "
       "open.",
       kLogRepair},
      {"log.successor",
       "Two log files do not continue each other: one is an older copy or a stranger. The database "
       "does not open.",
       kRestore},
      {"manifest.checkpoint", kNoOpen, kCandidates},
      {"manifest.edit", kNoOpen, kCandidates},
      {"manifest.header", kNoOpen, kCandidates},
      {"manifest.identity", "The manifest is of another database or place; this one does not open.",
       kCandidates},
      {"manifest.missing",
       "The manifest that CURRENT names is not there; the database does not "
       "open.",
       kCandidates},
      {"manifest.previous",
       "No data is affected: this is the manifest before, kept as a fallback, which it no longer "
       "is.",
       "Look at the disk; the file goes with the next roll-over."},
      {"manifest.previous_missing", "No data is affected.", "None."},
      {"manifest.record",
       "An edit that was acknowledged is damaged; the database does not open rather than lose "
       "segments silently.",
       kCandidates},
      {"manifest.replay", kNoOpen, kCandidates},
      {"manifest.schema", "The collection cannot be opened, and with it the database.",
       kCandidates},
      {"manifest.sequence", kNoOpen, kCandidates},
      {"segment.content",
       "All checksums are right and the content is not: a bug, or bytes changed on purpose. "
       "Answers "
       "from this segment cannot be trusted.",
       "Keep the directory and report it; restore the segment from a backup."},
      {"segment.derived", kSlower, kRebuild},
      {"segment.derived_page", kSlower, kRebuild},
      {"segment.derived_table", kSlower, kRebuild},
      {"segment.directory", kCollectionStops, kRestoreFile},
      {"segment.footer", kCollectionStops, kRestoreFile},
      {"segment.frame", kCollectionStops, kRestoreFile},
      {"segment.header", kCollectionStops, kRestoreFile},
      {"segment.identity",
       "This is not the segment that the manifest means: an older copy, a swapped file or one of "
       "another database. Reads of its collection fail.",
       kRestoreFile},
      {"segment.missing", kCollectionStops, kRestoreFile},
      {"segment.padding",
       "No row is affected: nobody reads these bytes. But the disk changed them.",
       "Look at the disk; copy the file from a backup."},
      {"segment.page", kCollectionStops, kRestoreFile},
      {"segment.place", kCollectionStops, kRestoreFile},
      {"segment.recall",
       "Approximate queries on this segment miss more neighbours than usual; nothing is damaged.",
       "Ask for a higher recall, or create the collection with larger m and ef_construction."},
      {"segment.root", kCollectionStops, kRestoreFile},
      {"segment.section", kCollectionStops, kRestoreFile},
      {"segment.table", kCollectionStops, kRestoreFile},
      {"segment.too_large", "Only the checksums of this section were checked.", "None."},
      {"snapshot.extra", kNoRestore, "Move the file elsewhere, if the snapshot is to be restored."},
      {"snapshot.file", kNoRestore, kOtherSnapshot},
      {"snapshot.list", kNoRestore, kOtherSnapshot},
      {"snapshot.missing", kNoRestore, kOtherSnapshot},
  };
  return rows;
}

const FindingMeaning& MeaningOf(std::string_view code) {
  static const FindingMeaning unknown = {"", "", ""};
  const auto& rows = AllMeanings();
  const auto found =
      std::lower_bound(rows.begin(), rows.end(), code,
                       [](const FindingMeaning& row, std::string_view c) { return row.code < c; });
  return found != rows.end() && found->code == code ? *found : unknown;
}

}  // namespace perigee::tools::inspect
