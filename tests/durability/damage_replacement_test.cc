// SPDX-License-Identifier: Apache-2.0
//
// Goal: files that are cut short, longer, missing, replaced or put together from pieces of others
// are detected, or change no answer (promise 4 of docs/guarantees.md).
// Method: files of a small database are cut at every byte, lengthened, removed, replaced by every
// older version of themselves and by files of other databases and collections; pages and sectors
// are zeroed, swapped within and between files, and replaced by those of older versions; and whole
// directories are mixed from two states of one database. After each the database is opened and
// everything is read. What cannot be told apart by design is listed with its rule: a newest log
// file that is an older version of itself gives the answers of that version, and never older ones
// than the manifest knows of (docs/formats/wal_format.md).
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/durability/damage_trial.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;
using Random = std::mt19937_64;

constexpr size_t kPage = 4096;
constexpr size_t kSector = 512;

bool IsIn(const std::string& path, std::string_view part) {
  return path.find(part) != std::string::npos;
}

// The kinds of files that a mixed directory takes from one state as a whole.
enum class Part { kManifest, kLog, kObjects, kOther };

Part PartOf(const std::string& path) {
  if (IsIn(path, "MANIFEST") || IsIn(path, "CURRENT")) {
    return Part::kManifest;
  }
  if (IsIn(path, "/wal/")) {
    return Part::kLog;
  }
  return IsIn(path, "/seg/") || IsIn(path, "/del/") ? Part::kObjects : Part::kOther;
}

void CutEverywhere(DamageTrial& trial, std::string_view part, OpenKind kind, size_t stride) {
  for (const auto& [path, bytes] : trial.files()) {
    for (size_t size = 0; IsIn(path, part) && size < bytes.size(); size += stride * FlipStride()) {
      CAPTURE(size);
      trial.Apply({{path, bytes.substr(0, size)}}, kind);
    }
  }
}

// All older versions of files that are still there.
struct OldFile {
  size_t step = 0;
  std::string path;
  std::string bytes;
};

std::vector<OldFile> OldFiles(const DamageTrial& trial) {
  std::vector<OldFile> old;
  std::set<std::pair<std::string, std::string>> seen;
  const auto& disks = trial.sample().disks;
  for (size_t step = disks.size(); step-- > 0;) {  // the newest step of each version
    for (const std::string& path : disks[step]->Files()) {
      const auto now = trial.files().find(path);
      std::string bytes = *disks[step]->Contents(path);
      if (now != trial.files().end() && now->second != bytes && seen.emplace(path, bytes).second) {
        old.push_back({step, path, std::move(bytes)});
      }
    }
  }
  return old;
}

void PutOldFilesBack(DamageTrial& trial) {
  const size_t last = trial.sample().history.size() - 1;
  const size_t published = trial.sample().last_published_step();
  size_t logs = 0;
  for (const OldFile& old : OldFiles(trial)) {
    CAPTURE(old.step);
    // Only a newest log file that lost what the manifest does not know of may show it.
    const bool newest_log = old.path == trial.roles(OpenKind::kReadWrite).newest_log;
    logs += newest_log ? 1 : 0;
    trial.ApplyVersions({{old.path, old.bytes}}, newest_log ? std::max(old.step, published) : last,
                        OpenKind::kReadWrite);
    // Without the log a read-only open can only show what the manifest knows.
    trial.ApplyVersions({{old.path, old.bytes}}, PartOf(old.path) == Part::kManifest ? 0 : last,
                        OpenKind::kReadOnly);
  }
  CHECK(logs > 0);
}

// The files of `parts` as they were at `step`, all others as they are.
FileChanges Mix(const DamageTrial& trial, size_t step, const std::set<Part>& parts) {
  FileChanges changes;
  for (const auto& [path, bytes] : trial.files()) {
    if (parts.contains(PartOf(path))) {
      changes[path] = std::nullopt;
    }
  }
  const SimulatedFileSystem& disk = *trial.sample().disks[step];
  for (const std::string& path : disk.Files()) {
    if (parts.contains(PartOf(path))) {
      changes[path] = *disk.Contents(path);
    }
  }
  return changes;
}

void MixDirectories(DamageTrial& trial) {
  const size_t last = trial.sample().history.size() - 1;
  const size_t published = trial.sample().last_published_step();
  const std::vector<std::set<Part>> mixes = {{Part::kManifest},
                                             {Part::kLog},
                                             {Part::kObjects},
                                             {Part::kManifest, Part::kLog},
                                             {Part::kManifest, Part::kObjects},
                                             {Part::kLog, Part::kObjects}};
  for (size_t step = 0; step < last; ++step) {
    CAPTURE(step);
    for (const std::set<Part>& parts : mixes) {
      // Manifest and log of one state are that state, with files beside it that are not its own.
      const bool whole = parts.contains(Part::kManifest) && parts.contains(Part::kLog);
      const bool log_only = parts.contains(Part::kLog) && !parts.contains(Part::kManifest);
      const size_t earliest = whole ? step : log_only ? std::max(step, published) : last;
      trial.ApplyVersions(Mix(trial, step, parts), earliest, OpenKind::kReadWrite);
    }
  }
}

void RemoveEachFile(DamageTrial& trial) {
  const size_t last = trial.sample().history.size() - 1;
  for (const auto& [path, bytes] : trial.files()) {
    const bool newest_log = path == trial.roles(OpenKind::kReadWrite).newest_log;
    trial.ApplyVersions({{path, std::nullopt}},
                        newest_log ? trial.sample().last_published_step() : last,
                        OpenKind::kReadWrite);
    trial.ApplyVersions({{path, std::nullopt}}, last, OpenKind::kReadOnly);
  }
}

// Calls apply(path, offset) for every whole or last part of `part_bytes` of every file.
template <typename Apply>
void ForEachPart(const DamageTrial& trial, size_t part_bytes, const Apply& apply) {
  for (const auto& [path, bytes] : trial.files()) {
    for (size_t offset = 0; offset < bytes.size(); offset += part_bytes) {
      apply(path, offset);
    }
  }
}

std::string WithPart(std::string bytes, size_t offset, std::string_view part) {
  const size_t count = std::min(part.size(), bytes.size() - offset);
  bytes.replace(offset, count, part.substr(0, count));
  return bytes;
}

void ZeroEachPart(DamageTrial& trial) {
  for (const size_t bytes : {kSector, kPage}) {
    ForEachPart(trial, bytes, [&](const std::string& path, size_t offset) {
      CAPTURE(offset);
      const std::string& before = trial.Contents(path);
      std::string after = WithPart(before, offset, std::string(bytes, '\0'));
      if (after != before) {
        trial.Apply({{path, std::move(after)}}, OpenKind::kReadWrite);
      }
    });
  }
}

void SwapPages(DamageTrial& trial, Random& random, size_t pairs) {
  std::vector<std::pair<std::string, size_t>> pages;
  ForEachPart(trial, kPage, [&pages](const std::string& path, size_t offset) {
    pages.emplace_back(path, offset);
  });
  for (size_t i = 0; i < pairs; ++i) {
    const size_t a = random() % pages.size();
    const size_t b = random() % pages.size();
    const std::string& path_a = pages[a].first;
    const std::string& path_b = pages[b].first;
    const size_t offset_a = pages[a].second;
    const size_t offset_b = pages[b].second;
    CAPTURE(offset_a);
    CAPTURE(offset_b);
    const std::string page_a = trial.Contents(path_a).substr(offset_a, kPage);
    const std::string page_b = trial.Contents(path_b).substr(offset_b, kPage);
    if (page_a == page_b || page_a.size() != page_b.size()) {
      continue;
    }
    FileChanges changes;
    changes[path_a] = WithPart(trial.Contents(path_a), offset_a, page_b);
    changes[path_b] =
        WithPart(path_a == path_b ? *changes[path_a] : trial.Contents(path_b), offset_b, page_a);
    trial.Apply(changes, OpenKind::kReadWrite);
  }
}

struct SampleEnds {
  SampleEnd small = SampleEnd::kKilled;
  SampleEnd large = SampleEnd::kClosed;
};

// The same damage to the small sample and to the large one, each with its report.
template <typename Damage>
void OnBothSamples(const SampleEnds& ends, std::string_view what, const Damage& damage) {
  for (const bool is_large : {false, true}) {
    const DamageSample sample =
        is_large ? MakeLargeSample(ends.large) : MakeSmallSample(ends.small);
    DamageTrial trial(sample);
    damage(trial);
    trial.Report(what);
  }
}

TEST_SUITE("durability") {
  TEST_CASE("damage: a log that is cut at every byte") {
    const DamageSample sample = MakeSmallSample(SampleEnd::kKilled);
    DamageTrial trial(sample);
    CutEverywhere(trial, "/wal/", OpenKind::kReadWrite, 1);
    trial.Report("truncations");
  }

  TEST_CASE("damage: a manifest or a deletion file that is cut at every byte") {
    const DamageSample sample = MakeSmallSample(SampleEnd::kClosed);
    DamageTrial trial(sample);
    for (const std::string_view part : {"MANIFEST", "CURRENT", "IDENTITY", "/del/"}) {
      CutEverywhere(trial, part, OpenKind::kReadOnly, 1);
      CutEverywhere(trial, part, OpenKind::kReadWrite, part == "MANIFEST" ? 5 : 1);
    }
    trial.Report("truncations");
  }

  TEST_CASE("damage: a segment that is cut at every byte") {
    const DamageSample sample = MakeSmallSample(SampleEnd::kClosed);
    DamageTrial trial(sample);
    CutEverywhere(trial, "/seg/", OpenKind::kReadOnly, 1);
    CutEverywhere(trial, "/seg/", OpenKind::kReadWrite, 61);
    trial.Report("truncations");
  }

  TEST_CASE("damage: files that are longer than they should be") {
    const DamageSample sample = MakeSmallSample(SampleEnd::kKilled);
    DamageTrial trial(sample);
    for (const auto& [path, bytes] : trial.files()) {
      for (const size_t count : {1ULL, 7ULL, 8ULL, 512ULL, 4096ULL, 65'536ULL}) {
        for (const char filler : {'\0', 'x'}) {
          trial.Apply({{path, bytes + std::string(count, filler)}}, OpenKind::kReadWrite);
        }
      }
      const std::string last = bytes.substr(bytes.size() - std::min(bytes.size(), kPage));
      trial.Apply({{path, bytes + last}}, OpenKind::kReadWrite);
      trial.Apply({{path, bytes + bytes}}, OpenKind::kReadOnly);
    }
    trial.Report("extensions");
  }

  TEST_CASE("damage: each file missing") {
    for (const SampleEnd end : {SampleEnd::kClosed, SampleEnd::kKilled}) {
      OnBothSamples({end, end}, "missing files", RemoveEachFile);
    }
  }

  TEST_CASE("damage: older versions of files are put back") {
    for (const SampleEnd end : {SampleEnd::kClosed, SampleEnd::kKilled}) {
      OnBothSamples({end, end}, "old files", PutOldFilesBack);
    }
  }

  TEST_CASE("damage: directories mixed from two states") {
    OnBothSamples({}, "mixed directories", MixDirectories);
  }

  TEST_CASE("damage: files of another database and of other names") {
    const DamageSample sample = MakeLargeSample(SampleEnd::kClosed);
    const DamageSample other = MakeLargeSample(SampleEnd::kClosed);
    DamageTrial trial(sample);
    for (const auto& [path, bytes] : trial.files()) {
      // The same name, or what has the same kind of name.
      for (const SimulatedFileSystem* disk : {sample.disk.get(), other.disk.get()}) {
        for (const std::string& donor : disk->Files()) {
          const std::string content = *disk->Contents(donor);
          const bool same_folder =
              path.substr(0, path.rfind('/')) == donor.substr(0, donor.rfind('/'));
          if (same_folder && content != bytes) {
            trial.Apply({{path, content}}, OpenKind::kReadWrite);
          }
        }
      }
    }
    trial.Report("foreign files");
  }

  TEST_CASE("damage: zeroed sectors and pages") {
    OnBothSamples({}, "zeroed sectors and pages", ZeroEachPart);
  }

  TEST_CASE("damage: swapped pages") {
    const uint64_t seed = tests::TestSeed(11);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    OnBothSamples({}, "swapped pages",
                  [&random](DamageTrial& trial) { SwapPages(trial, random, 2'000); });
  }

  TEST_CASE("damage: pages of older versions") {
    const DamageSample sample = MakeSmallSample(SampleEnd::kKilled);
    DamageTrial trial(sample);
    for (const OldFile& old : OldFiles(trial)) {
      for (size_t offset = 0; offset < old.bytes.size(); offset += kPage) {
        CAPTURE(old.step);
        CAPTURE(offset);
        const std::string& before = trial.Contents(old.path);
        const std::string page = old.bytes.substr(offset, kPage);
        std::string after = offset < before.size() ? WithPart(before, offset, page) : before;
        if (after != before) {
          trial.Apply({{old.path, std::move(after)}}, OpenKind::kReadWrite);
        }
      }
    }
    trial.Report("stale pages");
  }
}

}  // namespace
}  // namespace perigee::engine
