// SPDX-License-Identifier: Apache-2.0
//
// Goal: a group is taken exactly if it is valid by rules 1 to 4 of the log page. Method: the page's
// example, every bit of its header, group and trailer.
#include "tools/inspect/log_decoder.h"

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"
#include "tests/tools/inspect/page_example.h"
#include "tools/inspect/checksum.h"

namespace perigee::tools::inspect {
namespace {

struct Fixture {
  std::optional<LogFile> Open(const std::string& bytes) {
    tests::WriteBytes(path, bytes);
    list = {};
    FileFindings file(list, "wal/0000000000000002.wal");
    return LogFile::OpenPath(path, file);
  }
  std::optional<LogGroup> Group(LogFile& file) {
    bool unsupported = false;
    auto group = file.GroupAt(kLogBlock, fault, unsupported);
    REQUIRE(group.ok());
    return *std::move(group);
  }

  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("log");
  std::string example = tests::PageExample("wal_format.md", "log_file");
  std::string fault;
  FindingList list;
};

TEST_CASE_FIXTURE(Fixture, "the example of the page") {
  auto file = Open(example);
  REQUIRE(file.has_value());
  CHECK(file->header().number == 2);
  CHECK(file->header().epoch == 7);
  CHECK(file->header().predecessor == 1);
  CHECK(file->header().first_slot == 5);
  CHECK(file->header().first_lsn == 10);
  CHECK(file->header().durable_lsn == 9);
  const auto group = Group(*file);
  REQUIRE_MESSAGE(group.has_value(), fault);
  CHECK(group->slot == 5);
  REQUIRE(group->records.size() == 1);
  CHECK(group->records[0].payload == "hello");
  CHECK(group->records[0].lsn == 10);
  CHECK(group->records[0].type == 3);
  CHECK(group->previous_crc == file->header().previous_crc);
  CHECK(group->trailer.chain == NextLogChain(file->header().chain, group->crc));
  const auto trailer = file->TrailerOfBlock(kLogBlock);
  REQUIRE(trailer.ok());
  REQUIRE(trailer->has_value());
  CHECK((*trailer)->durable_lsn == 9);
  CHECK(*file->BlockIsZero(2 * kLogBlock));
  CHECK(LogNameOf(42) == "wal/0000000000000042.wal");
}

TEST_CASE_FIXTURE(Fixture, "every changed bit of the group's extent is found") {
  for (size_t place = kLogBlock; place < 2 * kLogBlock; ++place) {
    std::string changed = example;
    changed[place] = static_cast<char>(changed[place] ^ (1 << place % 8));
    auto file = Open(changed);
    REQUIRE(file.has_value());
    CHECK_FALSE(Group(*file).has_value());
  }
}

// Sets a byte and makes checksums right again: of the header alone, or of the trailer too.
std::string Resealed(std::string bytes, size_t place, bool with_trailer) {
  const auto put = [&bytes](size_t at, uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) {
      bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xffU);
    }
  };
  constexpr size_t kTrailer = 2 * kLogBlock - 64;
  bytes[place] = 4;
  const uint32_t crc = MaskedCrc32c(std::string_view(bytes).substr(kLogBlock + 8, 56));
  put(kLogBlock + 4, crc);
  if (with_trailer) {
    put(kTrailer + 44, crc);
    put(kTrailer + 4, MaskedCrc32c(std::string_view(bytes).substr(kTrailer + 8, 56)));
  }
  return bytes;
}

TEST_CASE_FIXTURE(Fixture, "a later version is believed exactly if the trailer vouches for it") {
  constexpr size_t kTrailer = 2 * kLogBlock - 64;
  for (const size_t place : {size_t{48}, size_t{50}, size_t{52}, size_t{63},
                             kTrailer + 52 - kLogBlock, kTrailer + 63 - kLogBlock}) {
    CAPTURE(place);
    bool unsupported = false;
    auto vouched = Open(Resealed(example, kLogBlock + place, true));
    REQUIRE(vouched.has_value());
    auto group = vouched->GroupAt(kLogBlock, fault, unsupported);
    REQUIRE(group.ok());
    CHECK_FALSE(group->has_value());
    CHECK(unsupported);
    auto image = Open(Resealed(example, kLogBlock + place, false));
    REQUIRE(image.has_value());
    group = image->GroupAt(kLogBlock, fault, unsupported);
    REQUIRE(group.ok());
    CHECK_FALSE(group->has_value());
    CHECK_FALSE(unsupported);
  }
}

TEST_CASE_FIXTURE(Fixture, "a group whose successor would have no slot or no LSN is none") {
  constexpr size_t kTrailer = 2 * kLogBlock - 64;
  const std::string last(8, '\xff');
  std::string slot = example;
  slot.replace(kLogBlock + 16, last.size(), last);
  slot.replace(kTrailer + 24, last.size(), last);
  std::string lsn = example;
  lsn.replace(kLogBlock + 24, last.size(), last);
  lsn.replace(kLogBlock + 72, last.size(), last);  // of the record
  const uint32_t body = MaskedCrc32c(std::string_view(lsn).substr(kLogBlock + 64, 0x60 - 64));
  lsn.replace(kLogBlock + 44, 4, std::string_view(reinterpret_cast<const char*>(&body), 4));
  for (const std::string& changed : {slot, lsn}) {
    auto file = Open(Resealed(changed, kLogBlock + 9, true));  // an epoch of more than one byte
    REQUIRE(file.has_value());
    CHECK_FALSE(Group(*file).has_value());
    CHECK(fault.find("slot") != std::string::npos);
  }
  auto file = Open(Resealed(example, kLogBlock + 9, true));
  REQUIRE(file.has_value());
  CHECK(Group(*file).has_value());
}

TEST_CASE_FIXTURE(Fixture, "every changed byte of the header is found") {
  for (size_t place = 0; place < kLogBlock; place += place < 160 ? 1 : 37) {
    std::string changed = example;
    changed[place] = static_cast<char>(changed[place] ^ (1 << place % 8));
    CHECK_FALSE(Open(changed).has_value());
    CHECK_FALSE(list.clean());
  }
  CHECK_FALSE(Open(example.substr(0, example.size() - kLogBlock)).has_value());
  CHECK_FALSE(Open(example + std::string(kLogBlock, '\0')).has_value());
  CHECK_FALSE(Open("").has_value());
}

}  // namespace
}  // namespace perigee::tools::inspect
