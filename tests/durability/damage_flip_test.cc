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

void Report(const DamageTrial& trial) {
  CHECK(trial.count(DamageOutcome::kWrong) == 0);
  MESSAGE("durability: ", trial.count(), " flips, 0 undetected: ", trial.Summary());
  MESSAGE("nothing changed, as the formats have it:", trial.QuietRules());
}

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
    const uint64_t seed = tests::TestSeed(1);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    const DamageSample sample = MakeSmallSample(SampleEnd::kClosed);
    DamageTrial trial(sample);
    FlipFiles(trial, "IDENTITY", OpenKind::kReadWrite, random);
    FlipFiles(trial, "CURRENT", OpenKind::kReadWrite, random);
    FlipFiles(trial, "MANIFEST", OpenKind::kReadWrite, random);
    FlipFiles(trial, "LOCK", OpenKind::kReadWrite, random);
    Report(trial);
  }

  TEST_CASE("damage: every bit of what a read-only open reads") {
    const uint64_t seed = tests::TestSeed(2);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    const DamageSample sample = MakeSmallSample(SampleEnd::kKilled);
    DamageTrial trial(sample);
    for (const std::string_view part : {"IDENTITY", "CURRENT", "del/"}) {
      FlipFiles(trial, part, OpenKind::kReadOnly, random);
    }
    Report(trial);
  }

  TEST_CASE("damage: every bit of a log that was closed") {
    const uint64_t seed = tests::TestSeed(3);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    const DamageSample sample = MakeSmallSample(SampleEnd::kClosed);
    DamageTrial trial(sample);
    FlipFiles(trial, "wal/", OpenKind::kReadWrite, random);
    CHECK(trial.count(DamageOutcome::kWithoutLast) == 0);
    Report(trial);
  }

  TEST_CASE("damage: every bit of a log that a kill ended") {
    const uint64_t seed = tests::TestSeed(4);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    const DamageSample sample = MakeSmallSample(SampleEnd::kKilled);
    DamageTrial trial(sample);
    FlipFiles(trial, "wal/", OpenKind::kReadWrite, random);
    CHECK(trial.count(DamageOutcome::kWithoutLast) > 0);  // the documented limit, met
    Report(trial);
  }

  TEST_CASE("damage: every bit of segments and deletion files") {
    const uint64_t seed = tests::TestSeed(5);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    const DamageSample sample = MakeSmallSample(SampleEnd::kKilled);
    DamageTrial trial(sample);
    FlipFiles(trial, "seg/", OpenKind::kReadWrite, random);
    FlipFiles(trial, "del/", OpenKind::kReadWrite, random);
    Report(trial);
  }

  TEST_CASE("damage: one bit in 64 bytes of a database with graphs and several epochs") {
    const uint64_t seed = tests::TestSeed(6);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    const DamageSample sample = MakeLargeSample(SampleEnd::kClosed);
    DamageTrial trial(sample);
    for (const std::string& path : sample.disk->Files()) {
      const uint64_t size = sample.disk->Contents(path)->size();
      for (uint64_t begin = 0; begin < size; begin += kStride * FlipStride()) {
        const uint64_t offset = begin + random() % std::min<uint64_t>(kStride, size - begin);
        trial.Flip(path, offset, static_cast<uint8_t>(1U << random() % 8), OpenKind::kReadWrite);
      }
    }
    CHECK(trial.count(DamageOutcome::kSameRebuilds) > 0);
    Report(trial);
  }

  TEST_CASE("damage: random bits in as many as are asked for") {
    const uint64_t seed = tests::TestSeed(7);
    INFO("PERIGEE_TEST_SEED=", seed);
    Random random(seed);
    const DamageSample sample = MakeLargeSample(SampleEnd::kKilled);
    DamageTrial trial(sample);
    std::vector<std::pair<std::string, uint64_t>> files;
    for (const std::string& path : sample.disk->Files()) {
      if (const uint64_t size = sample.disk->Contents(path)->size(); size > 0) {
        files.emplace_back(path, size);
      }
    }
    const uint64_t flips = std::max(FlipsWanted(), kListedFlips + kRandomFlipsMin) - kListedFlips;
    while (trial.count() < flips) {
      const auto& [path, size] = files[random() % files.size()];
      const OpenKind kind = random() % 4 == 0 ? OpenKind::kReadOnly : OpenKind::kReadWrite;
      trial.Flip(path, random() % size, static_cast<uint8_t>(1U << random() % 8), kind);
    }
    Report(trial);
  }
}

}  // namespace
}  // namespace perigee::engine
