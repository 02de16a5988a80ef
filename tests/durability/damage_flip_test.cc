// SPDX-License-Identifier: Apache-2.0
//
// Goal: no flipped bit goes unnoticed: it is detected by what meets it, or lies where the format
// says that it means nothing, or in a section that is rebuilt; and no answer is ever wrong (promise
// 4 of docs/guarantees.md).
// Method: in a small database every bit of headers, footers, directories, tables, records, IDENTITY
// and CURRENT, and of all else that is not zero, is flipped, one at a time; of zeros and in the
// large database one random bit in 64 bytes. After each flip the database is opened and everything
// is read. PERIGEE_TEST_FLIPS is how many flips all cases make: of fewer than the lists of the
// cases have, every n-th; what the lists leave of more are random ones in the large database.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/durability/damage_trial.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

constexpr size_t kStride = 64;
constexpr size_t kNearBytes = 16;
/// What the lists of the cases come to, roughly; random flips fill up to FlipsWanted.
constexpr uint64_t kListedFlips = 80'000;
/// Random flips at the least, however few are asked for.
constexpr uint64_t kRandomFlipsMin = 300;

using Random = std::mt19937_64;

// One case: a sample, what is tried on it, and where its randomness comes from.
struct SeededTrial {
  SeededTrial(uint64_t default_seed, DamageSample of)
      : seed(tests::TestSeed(default_seed)), random(seed), sample(std::move(of)), trial(sample) {}

  const uint64_t seed;
  Random random;
  const DamageSample sample;
  DamageTrial trial;
};

// Whether there is anything but zeros within a few bytes: fields, not the reserve behind them.
bool IsUsed(std::string_view bytes, size_t offset) {
  const size_t begin = offset - std::min(offset, kNearBytes);
  return bytes.substr(begin, 2 * kNearBytes).find_first_not_of('\0') != std::string_view::npos;
}

// Every bit of what is used, one random bit in 64 bytes of what is not.
void FlipFile(DamageTrial& trial, const std::string& path, OpenKind kind, Random& random) {
  const std::string bytes = *trial.sample().disk->Contents(path);
  const uint64_t stride = FlipStride();
  uint64_t number = random() % stride;
  const auto flip = [&](size_t offset, uint64_t bit) {
    if (number++ % stride == 0) {
      trial.Flip(path, offset, static_cast<uint8_t>(1U << bit), kind);
    }
  };
  for (size_t i = 0; i < bytes.size();) {
    if (IsUsed(bytes, i)) {
      for (uint64_t bit = 0; bit < 8; ++bit) {
        flip(i, bit);
      }
      ++i;
      continue;
    }
    const size_t stop = std::min(i + kStride, bytes.size());
    flip(i + random() % (stop - i), random() % 8);
    i = stop;
  }
}

void FlipFiles(DamageTrial& trial, std::string_view part, OpenKind kind, Random& random) {
  size_t files = 0;
  for (const std::string& path : trial.sample().disk->Files()) {
    if (path.find(part) != std::string::npos) {
      FlipFile(trial, path, kind, random);
      ++files;
    }
  }
  CHECK(files > 0);
}

TEST_SUITE("durability") {
  TEST_CASE("damage: every bit of IDENTITY and CURRENT and the manifest") {
    SeededTrial with(1, MakeSmallSample(SampleEnd::kClosed));
    INFO("PERIGEE_TEST_SEED=", with.seed);
    FlipFiles(with.trial, "IDENTITY", OpenKind::kReadWrite, with.random);
    FlipFiles(with.trial, "CURRENT", OpenKind::kReadWrite, with.random);
    FlipFiles(with.trial, "MANIFEST", OpenKind::kReadWrite, with.random);
    FlipFiles(with.trial, "LOCK", OpenKind::kReadWrite, with.random);
    with.trial.Report("flips");
  }

  TEST_CASE("damage: every bit of what a read-only open reads") {
    SeededTrial with(2, MakeSmallSample(SampleEnd::kKilled));
    INFO("PERIGEE_TEST_SEED=", with.seed);
    for (const std::string_view part : {"IDENTITY", "CURRENT", "del/"}) {
      FlipFiles(with.trial, part, OpenKind::kReadOnly, with.random);
    }
    with.trial.Report("flips");
  }

  TEST_CASE("damage: every bit of a log that was closed") {
    SeededTrial with(3, MakeSmallSample(SampleEnd::kClosed));
    INFO("PERIGEE_TEST_SEED=", with.seed);
    FlipFiles(with.trial, "wal/", OpenKind::kReadWrite, with.random);
    CHECK(with.trial.count(DamageOutcome::kWithoutLast) == 0);
    with.trial.Report("flips");
  }

  TEST_CASE("damage: every bit of a log that a kill ended") {
    SeededTrial with(4, MakeSmallSample(SampleEnd::kKilled));
    INFO("PERIGEE_TEST_SEED=", with.seed);
    FlipFiles(with.trial, "wal/", OpenKind::kReadWrite, with.random);
    CHECK(with.trial.count(DamageOutcome::kWithoutLast) > 0);  // the documented limit, met
    with.trial.Report("flips");
  }

  TEST_CASE("damage: every bit of segments and deletion files") {
    SeededTrial with(5, MakeSmallSample(SampleEnd::kKilled));
    INFO("PERIGEE_TEST_SEED=", with.seed);
    FlipFiles(with.trial, "seg/", OpenKind::kReadWrite, with.random);
    FlipFiles(with.trial, "del/", OpenKind::kReadWrite, with.random);
    with.trial.Report("flips");
  }

  TEST_CASE("damage: one bit in 64 bytes of a database with graphs and several epochs") {
    SeededTrial with(6, MakeLargeSample(SampleEnd::kClosed));
    INFO("PERIGEE_TEST_SEED=", with.seed);
    for (const std::string& path : with.sample.disk->Files()) {
      const uint64_t size = with.sample.disk->Contents(path)->size();
      for (uint64_t begin = 0; begin < size; begin += kStride * FlipStride()) {
        const uint64_t offset = begin + with.random() % std::min<uint64_t>(kStride, size - begin);
        with.trial.Flip(path, offset, static_cast<uint8_t>(1U << with.random() % 8),
                        OpenKind::kReadWrite);
      }
    }
    CHECK(with.trial.count(DamageOutcome::kSameRebuilds) > 0);
    with.trial.Report("flips");
  }

  TEST_CASE("damage: random bits in as many as are asked for") {
    SeededTrial with(7, MakeLargeSample(SampleEnd::kKilled));
    INFO("PERIGEE_TEST_SEED=", with.seed);
    std::vector<std::pair<std::string, uint64_t>> files;
    for (const std::string& path : with.sample.disk->Files()) {
      if (const uint64_t size = with.sample.disk->Contents(path)->size(); size > 0) {
        files.emplace_back(path, size);
      }
    }
    const uint64_t flips = std::max(FlipsWanted(), kListedFlips + kRandomFlipsMin) - kListedFlips;
    while (with.trial.count() < flips) {
      const auto& [path, size] = files[with.random() % files.size()];
      const OpenKind kind = with.random() % 4 == 0 ? OpenKind::kReadOnly : OpenKind::kReadWrite;
      with.trial.Flip(path, with.random() % size, static_cast<uint8_t>(1U << with.random() % 8),
                      kind);
    }
    with.trial.Report("flips");
  }
}

}  // namespace
}  // namespace perigee::engine
