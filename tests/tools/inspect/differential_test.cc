// SPDX-License-Identifier: Apache-2.0
//
// Goal: the engine's reader and the second decoder agree on damage. Whatever the engine refuses or
// warns of, verify must find; what verify finds beyond that must be real, which means in bytes that
// nothing reads (padding, the manifest before, log files whose records are applied). Method: random
// bytes changed and files cut, in copies of databases of the public API; PERIGEE_TEST_FLIPS scales.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "tests/support/temporary_directory.h"
#include "tests/support/test_seed.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tools/inspect/database_verifier.h"
#include "tools/inspect/verify_report.h"

namespace perigee::tools::inspect {
namespace {

constexpr size_t kDamagesOfAKind = 400;

size_t DamagesOfAKind() {
  const char* text = std::getenv("PERIGEE_TEST_FLIPS");
  return text == nullptr ? kDamagesOfAKind : std::strtoull(text, nullptr, 10) / 7 + 1;
}

// Codes of findings in bytes that the engine does not read.
const std::set<std::string>& BeyondTheEngine() {
  static const std::set<std::string> codes = {"log.applied", "manifest.previous",
                                              "segment.padding"};
  return codes;
}

struct Verdict {
  bool damaged = false;
  std::string why;
};

// All that a user meets: the open, its warnings, and every point read.
Verdict EngineVerdict(const std::string& path) {
  OpenOptions options = tests::SmallFiles();
  options.create_if_missing = false;
  const auto database = Database::Open(path, options);
  if (!database.ok()) {
    return {true, std::string(database.status().message())};
  }
  const auto status = (*database)->Status();
  REQUIRE(status.ok());
  for (const std::string& warning : status->warnings) {
    if (warning.find("left alone") == std::string::npos &&
        warning.find("not part of the database") == std::string::npos) {
      return {true, warning};
    }
  }
  for (const CollectionDescription& description : status->collections) {
    auto collection = (*database)->OpenCollection(description.name);
    REQUIRE(collection.ok());
    ScrollRequest scroll = {.limit = 1000};
    do {
      const auto page = collection->Scroll(scroll);
      if (!page.ok()) {
        return {true, std::string(page.status().message())};
      }
      scroll.cursor = page->next_cursor;
    } while (!scroll.cursor.empty());
  }
  return {};
}

std::string Describe(const VerifyReport& report) {
  std::string text;
  for (const Finding& finding : report.findings.findings()) {
    if (finding.severity != Severity::kNotice) {
      text += finding.code + " in " + finding.file + ": " + finding.found + "; ";
    }
  }
  return text;
}

class Campaign {
 public:
  explicit Campaign(const std::string& kind) : random_(tests::TestSeed(20)) {
    tests::MakeDatabase(kind, origin_);
    files_ = tests::FilesOf(origin_);
  }

  void Run(size_t damages) {
    for (size_t i = 0; i < damages; ++i) {
      const std::string& file = files_[random_() % files_.size()];
      const std::string bytes = tests::ReadBytes(origin_ + "/" + file);
      if (bytes.empty()) {
        continue;
      }
      Compare(file, random_() % 8 == 0 ? Cut(bytes) : Changed(bytes));
    }
  }

  size_t agreed() const { return agreed_; }
  size_t beyond() const { return beyond_; }
  size_t harmless() const { return harmless_; }

 private:
  std::string Cut(const std::string& bytes) {
    const size_t size = random_() % 3 == 0 ? bytes.size() / 4096 * 4096 * (random_() % 4) / 4
                                           : random_() % bytes.size();
    what_ = "cut to " + std::to_string(size);
    return bytes.substr(0, size);
  }

  // Most bytes are zeros of log files and padding, so half of the places are ones that are not.
  std::string Changed(const std::string& bytes) {
    size_t place = random_() % bytes.size();
    if (random_() % 4 != 0) {
      const size_t used = bytes.find_first_not_of('\0', place);
      place = used == std::string::npos ? bytes.find_last_not_of('\0') : used;
      place = place == std::string::npos ? 0 : place;
    }
    std::string changed = bytes;
    const auto mask = static_cast<char>(1U << random_() % 8);
    changed[place] = static_cast<char>(changed[place] ^ mask);
    what_ = "byte " + std::to_string(place) + " of " + std::to_string(bytes.size());
    return changed;
  }

  void Compare(const std::string& file, const std::string& bytes) {
    const std::string copy = directory_.PathOf("copy");
    tests::CopyDirectory(origin_, copy);
    tests::WriteBytes(copy + "/" + file, bytes);
    const auto report = VerifyDatabase(copy, {});
    const bool found = report.ok() && !report->findings.clean();
    const std::string findings =
        report.ok() ? Describe(*report) : std::string(report.status().message());
    const Verdict engine = EngineVerdict(copy);
    std::filesystem::remove_all(copy);
    CAPTURE(file);
    CAPTURE(what_);
    CAPTURE(findings);
    CAPTURE(engine.why);
    if (engine.damaged == found) {
      agreed_ += found ? 1 : 0;
      harmless_ += found ? 0 : 1;
      return;
    }
    CHECK_MESSAGE(!engine.damaged, "the engine found what verify did not");
    const bool real = std::all_of(report->findings.findings().begin(),
                                  report->findings.findings().end(), [](const Finding& finding) {
                                    return finding.severity == Severity::kNotice ||
                                           BeyondTheEngine().count(finding.code) > 0;
                                  });
    CHECK_MESSAGE(real, "verify found what the engine did not");
    ++beyond_;
  }

  storage::TemporaryDirectory directory_;
  std::string origin_ = directory_.PathOf("origin");
  std::vector<std::string> files_;
  std::mt19937_64 random_;
  std::string what_;
  size_t agreed_ = 0;
  size_t beyond_ = 0;
  size_t harmless_ = 0;
};

void RunKind(const std::string& kind) {
  INFO("PERIGEE_TEST_SEED=", tests::TestSeed(20));
  Campaign campaign(kind);
  campaign.Run(DamagesOfAKind());
  MESSAGE("durability: inspect and engine on ", kind, ": ", campaign.agreed(),
          " damages found by both, ", campaign.beyond(), " in bytes that nothing reads, ",
          campaign.harmless(), " by neither (behind the log's end), 0 disagreements");
  CHECK(campaign.agreed() > 0);
}

TEST_SUITE_BEGIN("slow");

TEST_CASE("inspect and engine agree on damage: unused and clean") {
  RunKind("unused");
  RunKind("clean");
}
TEST_CASE("inspect and engine agree on damage: killed") { RunKind("killed"); }
TEST_CASE("inspect and engine agree on damage: sealed") { RunKind("sealed"); }
TEST_CASE("inspect and engine agree on damage: compacted") { RunKind("compacted"); }
TEST_CASE("inspect and engine agree on damage: bulk-loaded") { RunKind("bulk-loaded"); }
TEST_CASE("inspect and engine agree on damage: several") { RunKind("several"); }

TEST_SUITE_END();

}  // namespace
}  // namespace perigee::tools::inspect
