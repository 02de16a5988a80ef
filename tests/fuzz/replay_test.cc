// SPDX-License-Identifier: Apache-2.0
//
// Goal: every input of a target's corpus, those of former findings among them, passes in every
// build and under every sanitizer.
//
// Method: the files of tests/fuzz/corpus/<name> go through the target as they are, then through a
// fixed number of seeded mutations by the target's own mutator. PERIGEE_TEST_SEED repeats or varies
// the mutations, PERIGEE_TEST_MUTATIONS says how many there are of each file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/support/test_seed.h"

namespace perigee::tests {
namespace {

constexpr size_t kInputBytesMax = 16384;
constexpr uint64_t kMutationsDefault = 20;

std::minstd_rand& PlainRandom() {
  static std::minstd_rand random;
  return random;
}

struct CorpusFile {
  std::string name;
  std::string bytes;
};

std::vector<CorpusFile> Corpus() {
  std::vector<CorpusFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(PERIGEE_FUZZ_CORPUS)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    files.push_back({entry.path().filename().string(),
                     std::string(std::istreambuf_iterator<char>(stream), {})});
  }
  std::sort(files.begin(), files.end(),
            [](const CorpusFile& a, const CorpusFile& b) { return a.name < b.name; });
  return files;
}

uint64_t MutationsPerFile() {
  const char* text = std::getenv("PERIGEE_TEST_MUTATIONS");
  return text == nullptr ? kMutationsDefault : std::strtoull(text, nullptr, 0);
}

}  // namespace

size_t MutatePlainBytes(uint8_t* data, size_t size, size_t size_max) {
  std::minstd_rand& random = PlainRandom();
  if (size == 0 || (size < size_max && random() % 4 == 0)) {
    if (size < size_max) {
      data[size++] = static_cast<uint8_t>(random());
    }
    return size;
  }
  if (size > 1 && random() % 4 == 0) {
    return size - 1;
  }
  data[random() % size] = static_cast<uint8_t>(random() >> 8U);
  return size;
}

TEST_CASE("every input of the corpus passes") {
  const std::vector<CorpusFile> files = Corpus();
  REQUIRE_FALSE(files.empty());
  for (const CorpusFile& file : files) {
    INFO(file.name);
    CHECK_NOTHROW(RunInput(file.bytes));
  }
}

TEST_CASE("seeded mutations of the corpus pass") {
  const uint64_t seed = TestSeed(20);
  MESSAGE("PERIGEE_TEST_SEED=" << seed);
  PlainRandom().seed(static_cast<uint32_t>(seed));
  ByteMutator mutator(static_cast<uint32_t>(seed));
  for (const CorpusFile& file : Corpus()) {
    INFO(file.name);
    std::string input = file.bytes;
    for (uint64_t round = MutationsPerFile(); round > 0; --round) {
      std::string mutated = MutateInput(input, kInputBytesMax, mutator);
      CHECK_NOTHROW(RunInput(mutated));
      // A mutation of a mutation most of the time, but never away from the file for good.
      const bool keep = mutated.size() <= kInputBytesMax && mutator.Chance(70);
      input = keep ? std::move(mutated) : file.bytes;
    }
  }
}

}  // namespace perigee::tests
