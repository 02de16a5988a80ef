// SPDX-License-Identifier: Apache-2.0
//
// Goal: a segment opens with two reads (three for a large one), and no damage, wherever it is, is
// ever handed out as data. Method: reads counted on the simulated disk; bits flipped over the
// whole file; the file cut at every byte; pages and files swapped; glitches that heal.
#include "storage/segment/segment_reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/error_reason.h"
#include "tests/storage/hex_example.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

bool IsDamage(const absl::Status& status) {
  return absl::IsDataLoss(status) && GetErrorReason(status) == ErrorReason::kDamaged;
}

size_t CountReads(const SimulatedFileSystem& disk, size_t from) {
  const std::vector<CallRecord> trace = disk.Trace();
  return static_cast<size_t>(
      std::count_if(trace.begin() + static_cast<std::ptrdiff_t>(from), trace.end(),
                    [](const CallRecord& call) { return call.kind == CallKind::kRead; }));
}

// A header block with other feature masks, and header and footer made consistent again, as a
// newer version would write them.
void SetFeatures(SampleSegment& segment, const FeatureMasks& features) {
  std::string bytes = segment.disk().Contents(segment.path()).value();
  SegmentHeader header = segment.header();
  header.features = features;
  const std::string header_block = EncodeSegmentHeader(header);
  SegmentFooter footer = DecodeSegmentFooter(AsBytes(bytes).last(kSegmentBlockBytes)).value();
  const std::string_view region = std::string_view(bytes).substr(
      footer.directory_offset, bytes.size() - kSegmentBlockBytes - footer.directory_offset);
  footer.root_checksum = SegmentRootChecksum(AsBytes(header_block), AsBytes(region), footer);
  bytes.replace(0, kSegmentBlockBytes, header_block);
  bytes.replace(bytes.size() - kSegmentBlockBytes, kSegmentBlockBytes, EncodeSegmentFooter(footer));
  segment.disk().SetContents(segment.path(), bytes);
}

TEST_CASE("a segment opens with one batch of reads, a large one with two") {
  SampleSegment small;
  size_t before = small.disk().Trace().size();
  REQUIRE(small.Open().ok());
  CHECK(CountReads(small.disk(), before) == 1);

  // With a tail of three blocks, this one's tables do not fit, as those of a file above 256 MiB.
  SampleSegment large({.rows = 4000, .dimension = 1024});
  before = large.disk().Trace().size();
  const SegmentReadOptions options = {.tail_bytes = 3 * kSegmentBlockBytes};
  const auto reader = SegmentReader::Open(large.disk(), large.path(), large.expectation(), options);
  REQUIRE(reader.ok());
  CHECK(CountReads(large.disk(), before) == 2);
  const SectionEntry* vectors = (*reader)->Find(SectionKind::kVectors);
  REQUIRE(vectors != nullptr);
  CHECK(vectors->page_count() * sizeof(uint32_t) > options.tail_bytes);
  const auto bytes = (*reader)->ReadSection(*vectors);
  REQUIRE(bytes.ok());
  CHECK(AsText(bytes->bytes()) == large.sections()[3].bytes);
  CHECK((*reader)->VerifyAllPages().ok());
  CHECK(SegmentReader::Open(large.disk(), large.path(), large.expectation()).ok());
}

TEST_CASE("ranges read only the pages that they touch") {
  SampleSegment segment({.rows = 1000, .dimension = 100});
  const auto reader = segment.Open().value();
  const SectionEntry* vectors = reader->Find(SectionKind::kVectors);
  REQUIRE(vectors != nullptr);
  const std::string& expected = segment.sections()[3].bytes;
  const uint64_t seed = tests::TestSeed(21);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    const uint64_t offset = random() % (expected.size() + 1);
    const uint64_t length = random() % (std::min<uint64_t>(expected.size() - offset, 20'000) + 1);
    std::vector<std::byte> out(length);
    REQUIRE(reader->ReadRange(*vectors, offset, out).ok());
    CHECK(AsText(out) == expected.substr(offset, length));
  }
  std::vector<std::byte> out(2);
  CHECK(absl::IsOutOfRange(reader->ReadRange(*vectors, expected.size() - 1, out)));
  CHECK(absl::IsOutOfRange(reader->ReadRange(*vectors, ~uint64_t{0}, out)));
  // Damage elsewhere does not hinder a range; damage in its page does.
  segment.disk().Corrupt(segment.path(), vectors->offset + 5000, 1);
  CHECK(reader->ReadRange(*vectors, 0, out) == absl::OkStatus());
  CHECK(reader->ReadRange(*vectors, 8192, out) == absl::OkStatus());
  CHECK(IsDamage(reader->ReadRange(*vectors, 4096, out)));
}

TEST_CASE("every flipped bit of tables, directory and footer is noticed") {
  SampleSegment segment;
  const SegmentFooter footer =
      DecodeSegmentFooter(
          AsBytes(segment.disk().Contents(segment.path()).value()).last(kSegmentBlockBytes))
          .value();
  uint64_t unnoticed = 0;
  for (uint64_t at = footer.tables_offset; at < footer.file_bytes - kSegmentBlockBytes; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      segment.disk().Corrupt(segment.path(), at, static_cast<uint8_t>(1 << bit));
      unnoticed += IsDamage(segment.ReadEverything()) ? 0 : 1;
      segment.disk().Corrupt(segment.path(), at, static_cast<uint8_t>(1 << bit));
    }
  }
  CHECK(unnoticed == 0);
  // Header and footer: every bit is covered by segment_format_test, here one in each byte.
  for (uint64_t i = 0; i < 2 * kSegmentBlockBytes; ++i) {
    const uint64_t at = i < kSegmentBlockBytes ? i : footer.file_bytes - 2 * kSegmentBlockBytes + i;
    segment.disk().Corrupt(segment.path(), at, static_cast<uint8_t>(1 << (i % 8)));
    unnoticed += IsDamage(segment.Open().status()) ? 0 : 1;
    segment.disk().Corrupt(segment.path(), at, static_cast<uint8_t>(1 << (i % 8)));
  }
  CHECK(unnoticed == 0);
  CHECK(segment.ReadEverything() == absl::OkStatus());
}

TEST_CASE("a flipped bit in every 64 bytes of the sections is noticed or is padding") {
  const uint64_t seed = tests::TestSeed(22);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  SampleSegment segment({.rows = 700});
  const auto whole = segment.Open().value();
  const auto in_section = [&whole](uint64_t at) {
    return std::any_of(
        whole->sections().begin(), whole->sections().end(),
        [at](const SectionEntry& s) { return at >= s.offset && at < s.offset + s.length; });
  };
  uint64_t in_padding = 0;
  for (uint64_t block = 0; block < segment.summary().file_bytes; block += 64) {
    const uint64_t at = block + random() % 64;
    const auto mask = static_cast<uint8_t>(1U << (random() % 8));
    segment.disk().Corrupt(segment.path(), at, mask);
    const bool noticed = IsDamage(segment.ReadEverything());
    if (!noticed) {
      ++in_padding;
      CHECK_FALSE(in_section(at));
    }
    // The verification before publishing finds it even there.
    if (!noticed || block % 4096 == 0) {
      CHECK(IsDamage(
          VerifySegmentFile(segment.disk(), segment.path(), segment.header(), segment.summary())));
    }
    segment.disk().Corrupt(segment.path(), at, mask);
  }
  CHECK(in_padding > 0);
  CHECK(segment.ReadEverything() == absl::OkStatus());
}

TEST_CASE("a segment cut at any byte is refused") {
  SampleSegment segment({.rows = 3, .dimension = 2});
  const std::string bytes = segment.disk().Contents(segment.path()).value();
  uint64_t accepted = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    segment.disk().SetContents(segment.path(), std::string_view(bytes).substr(0, length));
    accepted += IsDamage(segment.Open().status()) ? 0 : 1;
    // A tool that knows no size is not fooled either.
    accepted += IsDamage(SegmentReader::Open(segment.disk(), segment.path(), {}).status()) ? 0 : 1;
  }
  CHECK(accepted == 0);
  segment.disk().SetContents(segment.path(), bytes + std::string(4096, '\0'));
  CHECK(IsDamage(SegmentReader::Open(segment.disk(), segment.path(), {}).status()));
  segment.disk().SetContents(segment.path(), bytes);
  CHECK(segment.Open().ok());
}

TEST_CASE("a file that shrinks after opening is damage, not an end") {
  SampleSegment segment({.rows = 1000});
  const auto reader = segment.Open().value();
  const std::string bytes = segment.disk().Contents(segment.path()).value();
  const SectionEntry* vectors = reader->Find(SectionKind::kVectors);
  REQUIRE(vectors != nullptr);
  const auto file = segment.disk().Open(segment.path(), {.mode = OpenMode::kReadWrite}).value();
  REQUIRE(file->Truncate(vectors->offset + 4096).ok());
  CHECK(IsDamage(reader->ReadSection(*vectors).status()));
}

TEST_CASE("pages, sections and files that change places are noticed") {
  SampleSegment segment({.rows = 1000});
  const auto reader = segment.Open().value();
  const std::string bytes = segment.disk().Contents(segment.path()).value();
  const SectionEntry* vectors = reader->Find(SectionKind::kVectors);
  REQUIRE(vectors != nullptr);
  SUBCASE("two pages of one section") {
    std::string swapped = bytes;
    std::swap_ranges(swapped.begin() + static_cast<std::ptrdiff_t>(vectors->offset),
                     swapped.begin() + static_cast<std::ptrdiff_t>(vectors->offset) + 4096,
                     swapped.begin() + static_cast<std::ptrdiff_t>(vectors->offset) + 8192);
    segment.disk().SetContents(segment.path(), swapped);
    const absl::Status status = reader->ReadSection(*vectors).status();
    CHECK(IsDamage(status));
    CHECK(status.message().find("page 0 of section vectors[0]") != std::string::npos);
    CHECK(status.message().find(segment.path()) != std::string::npos);
  }
  SUBCASE("the same section of another segment") {
    SampleSegment other({.rows = 1000, .seed = 2});
    const std::string foreign = other.disk().Contents(other.path()).value();
    REQUIRE(foreign.size() == bytes.size());
    std::string mixed = bytes;
    mixed.replace(vectors->offset, vectors->length, foreign, vectors->offset, vectors->length);
    segment.disk().SetContents(segment.path(), mixed);
    CHECK(IsDamage(segment.ReadEverything()));
    // All but the header of the other file.
    segment.disk().SetContents(segment.path(), bytes.substr(0, 4096) + foreign.substr(4096));
    CHECK(IsDamage(segment.Open().status()));
  }
  SUBCASE("a whole file with the same uuid and size, as a stale copy has") {
    SampleSegment stale({.rows = 1000, .seed = 2});
    segment.disk().SetContents(segment.path(), stale.disk().Contents(stale.path()).value());
    CHECK(IsDamage(segment.Open().status()));
    CHECK(SegmentReader::Open(segment.disk(), segment.path(), {}).ok());
  }
  SUBCASE("another segment's file, or another database's") {
    SegmentExpectation expected = segment.expectation();
    expected.segment_uuid = UuidOf(1);
    CHECK(IsDamage(SegmentReader::Open(segment.disk(), segment.path(), expected).status()));
    expected = segment.expectation();
    expected.database_uuid = UuidOf(1);
    CHECK(IsDamage(SegmentReader::Open(segment.disk(), segment.path(), expected).status()));
    expected = segment.expectation();
    expected.file_bytes = bytes.size() + 4096;
    CHECK(IsDamage(SegmentReader::Open(segment.disk(), segment.path(), expected).status()));
  }
}

TEST_CASE("a damaged table of a derived section hinders only that section") {
  SampleSegment segment;
  const std::string bytes = segment.disk().Contents(segment.path()).value();
  const SegmentFooter footer = DecodeSegmentFooter(AsBytes(bytes).last(kSegmentBlockBytes)).value();
  const auto whole = segment.Open().value();
  uint64_t table = footer.tables_offset;
  for (const SectionEntry& section : whole->sections()) {
    INFO(section.name());
    segment.disk().Corrupt(segment.path(), table, 0x10);
    const auto reader = segment.Open();
    if (section.derived()) {
      REQUIRE(reader.ok());
      for (const SectionEntry& other : (*reader)->sections()) {
        CHECK((*reader)->ReadSection(other).ok() == (other.kind != section.kind));
      }
      CHECK(IsDamage((*reader)->VerifyAllPages()));
      std::vector<std::byte> byte(1);
      CHECK(IsDamage((*reader)->ReadRange(section, 0, byte)));
    } else {
      CHECK(IsDamage(reader.status()));
    }
    segment.disk().Corrupt(segment.path(), table, 0x10);
    table += section.page_count() * sizeof(uint32_t);
  }
}

TEST_CASE("features of newer versions") {
  SampleSegment segment;
  SUBCASE("incompat refuses by name") {
    SetFeatures(segment, {.incompat = kIncompatCodebook});
    const absl::Status status = SegmentReader::Open(segment.disk(), segment.path(), {}).status();
    CHECK(GetErrorReason(status) == ErrorReason::kUnknownFormat);
    CHECK(status.message().find("external codebook") != std::string::npos);
  }
  SUBCASE("ro_compat allows reading only") {
    SetFeatures(segment, {.ro_compat = 1});
    const auto reader = SegmentReader::Open(segment.disk(), segment.path(), {});
    REQUIRE(reader.ok());
    CHECK((*reader)->read_only());
    CHECK((*reader)->VerifyAllPages().ok());
  }
  SUBCASE("compat is ignored") {
    SetFeatures(segment, {.compat = ~uint64_t{0}});
    const auto reader = SegmentReader::Open(segment.disk(), segment.path(), {});
    REQUIRE(reader.ok());
    CHECK_FALSE((*reader)->read_only());
  }
}

TEST_CASE("a file is verified in parts, and going on anywhere comes to its end") {
  SampleSegment segment({.rows = 3000, .dimension = 256});  // vectors of three parts
  const auto reader = segment.Open().value();
  const uint64_t size = reader->summary().file_bytes;
  AlignedBuffer buffer(kChecksumPageBytesMax);
  std::vector<uint64_t> offsets = {0};
  while (offsets.back() < size) {
    const auto next = reader->VerifyFrom(offsets.back(), buffer.bytes());
    REQUIRE(next.ok());
    REQUIRE(*next > offsets.back());
    offsets.push_back(*next);
  }
  CHECK(offsets.back() == size);
  CHECK(offsets.size() > reader->sections().size() + 3);
  // Each part finds the damage between its ends, and no other part does.
  for (uint64_t place = kSegmentBlockBytes; place < size; place += 50'000) {
    const uint64_t tables =
        DecodeSegmentFooter(
            AsBytes(*segment.disk().Contents(segment.path())).last(kSegmentBlockBytes))
            ->tables_offset;
    if (place >= tables) {
      break;  // Open verifies the rest
    }
    segment.disk().Corrupt(segment.path(), place, 1);
    int found = 0;
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      found += reader->VerifyFrom(offsets[i], buffer.bytes()).ok() ? 0 : 1;
    }
    CHECK_MESSAGE(found == 1, "at ", place);
    segment.disk().Corrupt(segment.path(), place, 1);
  }
  for (uint64_t begin = 1; begin < 2 * size; begin = begin * 3 + 7) {
    uint64_t offset = begin;
    for (int parts = 0; offset < size; ++parts) {
      REQUIRE(parts < 100);
      const auto next = reader->VerifyFrom(offset, buffer.bytes());
      REQUIRE(next.ok());
      REQUIRE(*next > offset);
      offset = *next;
    }
    CHECK(*reader->VerifyFrom(begin + size, buffer.bytes()) == size);
  }
}

TEST_CASE("a section of an unknown kind that may be ignored is left out but verified") {
  SimulatedFileSystem disk;
  const SegmentHeader header = SampleHeader({.rows = 1});
  const std::vector<SampleSection> sections = {
      {{.kind = SectionKind::kLsns, .element_count = 1, .element_bytes = 8}, "12345678"},
      {{.kind = static_cast<SectionKind>(77), .element_count = 3, .flags = kSectionIgnorable},
       "from a newer version"}};
  const auto summary = WriteSegment(disk, "segment", header, sections, 1);
  REQUIRE(summary.ok());
  const auto reader = SegmentReader::Open(disk, "segment", {}).value();
  REQUIRE(reader->sections().size() == 1);
  CHECK(reader->sections()[0].kind == SectionKind::kLsns);
  CHECK(reader->VerifyAllPages().ok());
  disk.Corrupt("segment", 8192, 1);
  CHECK(IsDamage(reader->VerifyAllPages()));
}

// A disk whose reads return a flipped bit a few times, then heal: bus or cache, not the medium.
class GlitchingFile final : public File {
 public:
  GlitchingFile(std::unique_ptr<File> file, int& glitches)
      : file_(std::move(file)), glitches_(glitches) {}

  absl::StatusOr<size_t> DoRead(uint64_t offset, std::span<std::byte> buffer,
                                IoSite site) override {
    const auto count = file_->Read(offset, buffer, site);
    if (glitches_ > 0 && count.ok() && *count > 0) {
      --glitches_;
      buffer[0] ^= std::byte{4};
    }
    return count;
  }
  absl::Status DoReadBatch(std::span<ReadRequest> requests, IoSite site) override {
    for (ReadRequest& request : requests) {
      const auto count = DoRead(request.offset, request.buffer, site);
      if (!count.ok()) {
        return count.status();
      }
      request.bytes_read = *count;
    }
    return absl::OkStatus();
  }
  absl::Status DoWrite(uint64_t offset, std::span<const std::byte> bytes, IoSite site) override {
    return file_->Write(offset, bytes, site);
  }
  absl::Status DoSync(IoSite site) override { return file_->Sync(site); }
  absl::StatusOr<uint64_t> DoSize(IoSite site) override { return file_->Size(site); }
  absl::Status DoTruncate(uint64_t size, IoSite site) override {
    return file_->Truncate(size, site);
  }
  absl::Status DoAllocate(uint64_t size, IoSite site) override {
    return file_->Allocate(size, site);
  }
  bool is_direct() const override { return file_->is_direct(); }
  size_t alignment() const override { return file_->alignment(); }
  const std::string& path() const override { return file_->path(); }

 private:
  std::unique_ptr<File> file_;
  int& glitches_;
};

class GlitchingFileSystem final : public FileSystem {
 public:
  explicit GlitchingFileSystem(FileSystem& disk) : disk_(disk) {}

  absl::StatusOr<std::unique_ptr<File>> DoOpen(const std::string& path, const OpenOptions& options,
                                               IoSite site) override {
    auto file = disk_.Open(path, options, site);
    if (!file.ok()) {
      return file;
    }
    return std::unique_ptr<File>(new GlitchingFile(*std::move(file), glitches));
  }
  absl::Status DoCreateDirectory(const std::string& path, IoSite site) override {
    return disk_.CreateDirectory(path, site);
  }
  absl::Status DoSyncDirectory(const std::string& path, IoSite site) override {
    return disk_.SyncDirectory(path, site);
  }
  absl::Status DoRename(const std::string& from, const std::string& to, IoSite site) override {
    return disk_.Rename(from, to, site);
  }
  absl::Status DoLink(const std::string& from, const std::string& to, IoSite site) override {
    return disk_.Link(from, to, site);
  }
  absl::Status DoRemoveFile(const std::string& path, IoSite site) override {
    return disk_.RemoveFile(path, site);
  }
  absl::Status DoRemoveDirectory(const std::string& path, IoSite site) override {
    return disk_.RemoveDirectory(path, site);
  }
  absl::StatusOr<FileStatus> DoStat(const std::string& path, IoSite site) override {
    return disk_.Stat(path, site);
  }
  absl::StatusOr<std::vector<std::string>> DoList(const std::string& path, IoSite site) override {
    return disk_.List(path, site);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> DoLock(const std::string& path, IoSite site) override {
    return disk_.Lock(path, site);
  }
  absl::StatusOr<SpaceStatus> DoSpace(const std::string& path, IoSite site) override {
    return disk_.Space(path, site);
  }
  const char* name() const override { return disk_.name(); }

  int glitches = 0;

 private:
  FileSystem& disk_;
};

TEST_CASE("a glitch that heals is read over, one that stays is damage") {
  SampleSegment segment;
  GlitchingFileSystem disk(segment.disk());
  const auto open = [&]() {
    return SegmentReader::Open(disk, segment.path(), segment.expectation());
  };
  disk.glitches = 1;
  CHECK(open().ok());
  disk.glitches = 100;
  CHECK(IsDamage(open().status()));
  disk.glitches = 0;
  const auto reader = open().value();
  for (const SectionEntry& section : reader->sections()) {
    disk.glitches = 1;
    CHECK(reader->ReadSection(section).ok());
    disk.glitches = 100;
    CHECK(IsDamage(reader->ReadSection(section).status()));
  }
}

TEST_CASE("each failing call of reading is an error, never data") {
  SampleSegment whole;
  const uint64_t before = whole.disk().calls();
  REQUIRE(whole.ReadEverything().ok());
  const uint64_t calls = whole.disk().calls() - before;
  for (uint64_t call = 1; call <= calls; ++call) {
    SampleSegment segment;
    segment.disk().AddErrorPlan({.call_number = segment.disk().calls() + call});
    CHECK_FALSE(segment.ReadEverything().ok());
  }
  CHECK(absl::IsNotFound(SegmentReader::Open(whole.disk(), "missing", {}).status()));
}

TEST_CASE("the worked example of the format page") {
  // A segment of two rows, one vector of two f32 a row, without graph; 20 KiB, mostly padding.
  const std::string page = tests::ReadSourceFile("docs/formats/segment_format.md");
  SimulatedFileSystem disk;
  disk.SetContents("segment", tests::DecodeHexExample(page, "segment"));
  const auto reader = SegmentReader::Open(
      disk, "segment", {.segment_uuid = UuidOf(0x55), .database_uuid = UuidOf(0xDB)});
  REQUIRE(reader.ok());
  CHECK((*reader)->row_count() == 2);
  CHECK((*reader)->header().collection_uuid == UuidOf(0xC0));
  CHECK((*reader)->header().min_lsn == 7);
  CHECK((*reader)->header().max_lsn == 8);
  REQUIRE((*reader)->sections().size() == 3);
  const SectionEntry* ids = (*reader)->Find(SectionKind::kIds);
  REQUIRE(ids != nullptr);
  const std::string expected_ids =
      std::string("\0\0\0\0\0\0\0\0\x9\0\0\0\0\0\0\0\xC\0\0\0\0\0\0\0", 24) +
      std::string("\0\0\0\0\0\0\0\0\x2A", 9) + "\1ab";
  CHECK(AsText((*reader)->ReadSection(*ids)->bytes()) == expected_ids);
  const SectionEntry* vectors = (*reader)->Find(SectionKind::kVectors);
  REQUIRE(vectors != nullptr);
  const AlignedBuffer vector_bytes = (*reader)->ReadSection(*vectors).value();
  ByteReader floats(vector_bytes.bytes());
  CHECK(floats.F32() == 1.0F);
  CHECK(floats.F32() == 0.5F);
  CHECK(floats.F32() == -2.0F);
  CHECK(floats.F32() == 0.25F);
  CHECK((*reader)->VerifyAllPages().ok());

  // The writer still makes exactly these bytes.
  SegmentHeader header = SampleHeader({.rows = 2, .segment_uuid_byte = 0x55});
  header.min_lsn = 7;
  header.max_lsn = 8;
  ByteWriter vector_values;
  for (const float value : {1.0F, 0.5F, -2.0F, 0.25F}) {
    vector_values.F32(value);
  }
  ByteWriter lsns;
  lsns.U64(7);
  lsns.U64(8);
  const std::vector<SampleSection> sections = {
      {{.kind = SectionKind::kIds, .element_count = 2}, expected_ids},
      {{.kind = SectionKind::kLsns, .element_count = 2, .element_bytes = 8}, lsns.buffer()},
      {{.kind = SectionKind::kVectors,
        .element_count = 2,
        .element_bytes = 8,
        .checksum_page_bytes = kChecksumPageBytesRandom},
       vector_values.buffer()}};
  SimulatedFileSystem fresh;
  REQUIRE(WriteSegment(fresh, "segment", header, sections, 2).ok());
  CHECK(tests::EncodeHexExample(fresh.Contents("segment").value()) ==
        tests::HexExample(page, "segment"));
}

}  // namespace
}  // namespace perigee::storage
