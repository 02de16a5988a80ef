// SPDX-License-Identifier: Apache-2.0
//
// Goal: in a manifest file every record that was committed is found or the file is refused, and a
// torn tail is left out. Method: files built record by record; bits flipped, cuts at every byte,
// records moved, stale blocks of another file put in.
#include "storage/manifest/manifest_frame.h"

#include <doctest/doctest.h>

#include <random>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/error_reason.h"
#include "tests/storage/segment/sample_segment.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

ManifestFileHeader Header(uint8_t uuid_byte = 0x3A) {
  return {.database_uuid = UuidOf(0xDB),
          .file_uuid = UuidOf(uuid_byte),
          .number = 7,
          .previous_number = 6};
}

// Writes a file the way the log does.
class FileBuilder {
 public:
  explicit FileBuilder(uint8_t uuid_byte = 0x3A)
      : header_(Header(uuid_byte)), bytes_(EncodeManifestFileHeader(header_)) {}

  FileBuilder& Record(ManifestRecordType type, uint64_t version, std::string_view payload) {
    last_ = {.type = type,
             .version = version,
             .hash = Sha256Half(AsBytes(payload)),
             .offset = bytes_.size(),
             .payload = AsBytes(payload)};
    bytes_ += EncodeManifestRecord(header_.file_uuid, last_);
    return *this;
  }
  FileBuilder& Mark() {
    bytes_ += EncodeManifestRecord(header_.file_uuid, {.type = ManifestRecordType::kMark,
                                                       .version = last_.version,
                                                       .hash = last_.hash,
                                                       .offset = bytes_.size()});
    return *this;
  }
  FileBuilder& Checkpoint() { return Record(ManifestRecordType::kCheckpoint, 10, "state").Mark(); }
  FileBuilder& Edit(uint64_t version, std::string_view payload) {
    return Record(ManifestRecordType::kEdit, version, payload).Mark();
  }
  const std::string& bytes() const { return bytes_; }
  absl::StatusOr<ManifestScan> Scan() const { return ScanManifest(AsBytes(bytes_), "manifest"); }

 private:
  ManifestFileHeader header_;
  std::string bytes_;
  ManifestRecord last_;
};

absl::StatusOr<ManifestScan> Scan(std::string_view bytes) {
  return ScanManifest(AsBytes(bytes), "manifest");
}

// Checkpoint, an edit of one block, an edit of three blocks, each marked.
FileBuilder Sample() {
  return FileBuilder().Checkpoint().Edit(11, "first").Edit(12, std::string(9000, 'e'));
}

TEST_CASE("a whole file is clean and holds its records") {
  const FileBuilder file = Sample();
  CHECK(file.bytes().size() == kManifestBlockBytes * (1 + 2 + 2 + 4));
  const auto scan = file.Scan();
  REQUIRE(scan.ok());
  CHECK(scan->header == Header());
  CHECK(scan->clean);
  CHECK(scan->last_durable);
  CHECK(scan->end_offset == file.bytes().size());
  REQUIRE(scan->records.size() == 3);
  CHECK(AsText(scan->records[0].payload) == "state");
  CHECK(AsText(scan->records[1].payload) == "first");
  CHECK(scan->records[2].version == 12);
  CHECK(scan->records[2].payload.size() == 9000);
  CHECK(scan->records[2].offset == kManifestBlockBytes * 5);
}

TEST_CASE("a file cut at any byte shows a prefix; without its checkpoint it is refused") {
  const FileBuilder file = Sample();
  uint64_t wrong = 0;
  for (size_t length = 0; length < file.bytes().size(); ++length) {
    const auto scan = Scan(std::string_view(file.bytes()).substr(0, length));
    if (length < 2 * kManifestBlockBytes) {
      wrong += absl::IsDataLoss(scan.status()) ? 0 : 1;
      continue;
    }
    const size_t expected = length < 4 * kManifestBlockBytes   ? 1
                            : length < 8 * kManifestBlockBytes ? 2
                                                               : 3;
    const bool clean = length == 3 * kManifestBlockBytes || length == 5 * kManifestBlockBytes;
    wrong += scan.ok() && scan->records.size() == expected && scan->clean == clean ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a flipped bit anywhere before the last mark is damage") {
  const uint64_t seed = tests::TestSeed(60);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const FileBuilder file = Sample();
  std::string bytes = file.bytes();
  const size_t last_mark = bytes.size() - kManifestBlockBytes;
  uint64_t unnoticed = 0;
  for (size_t at = 0; at < last_mark; ++at) {
    // Every bit of what is not padding, one bit of each byte of padding.
    for (int bit = 0; bit < 8; ++bit) {
      const int chosen = bytes[at] == '\0' ? static_cast<int>(random() % 8) : bit;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << chosen));
      unnoticed += absl::IsDataLoss(Scan(bytes).status()) ? 0 : 1;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << chosen));
      if (bytes[at] == '\0') {
        break;
      }
    }
  }
  CHECK(unnoticed == 0);
  // The last mark only says that the record before it is durable, which the file's length says too.
  for (size_t at = last_mark; at < bytes.size(); ++at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    const auto scan = Scan(bytes);
    REQUIRE(scan.ok());
    CHECK(scan->records.size() == 3);
    CHECK(scan->last_durable);
    CHECK_FALSE(scan->clean);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
  }
}

TEST_CASE("a checkpoint without a mark holds, but nothing may be appended to its file") {
  const auto scan = FileBuilder().Record(ManifestRecordType::kCheckpoint, 10, "state").Scan();
  REQUIRE(scan.ok());
  CHECK(scan->records.size() == 1);
  CHECK(scan->last_durable);
  CHECK_FALSE(scan->clean);
}

TEST_CASE("a torn last record is left out, whatever part of it is missing") {
  const std::string whole =
      FileBuilder(Sample()).Record(ManifestRecordType::kEdit, 13, std::string(9000, 'x')).bytes();
  const size_t begin = Sample().bytes().size();
  const auto complete = Scan(whole);
  REQUIRE(complete.ok());
  CHECK(complete->records.size() == 4);
  CHECK_FALSE(complete->last_durable);
  CHECK_FALSE(complete->clean);
  const uint64_t seed = tests::TestSeed(61);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string torn = whole;
    bool lost = false;
    for (size_t at = begin; at < torn.size(); at += 512) {
      if (random() % 3 == 0 || (!lost && at + 1024 > begin + 9000)) {
        lost = true;
        torn.replace(at, 512, std::string(512, random() % 2 == 0 ? '\0' : 'z'));
      }
    }
    const auto scan = Scan(torn);
    REQUIRE(scan.ok());
    CHECK(scan->records.size() == 3);
    CHECK_FALSE(scan->clean);
    CHECK(scan->last_durable);
  }
}

TEST_CASE("a damaged record with anything behind it was committed") {
  // The mark behind it is damaged too, even gone to zeros: its mere presence says it.
  std::string bytes = Sample().bytes();
  const size_t last_mark = bytes.size() - kManifestBlockBytes;
  bytes[last_mark - 8000] ^= 1;
  const auto damaged = [&bytes](size_t offset) {
    const absl::Status status = Scan(bytes).status();
    CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
    CHECK(status.message().find("manifest: record at " + std::to_string(offset)) !=
          std::string::npos);
  };
  damaged(5 * kManifestBlockBytes);
  bytes.replace(last_mark, kManifestBlockBytes, std::string(kManifestBlockBytes, '\0'));
  damaged(5 * kManifestBlockBytes);
  // Its header gone as well, but the mark is there.
  bytes = Sample().bytes();
  bytes.replace(5 * kManifestBlockBytes, 3 * kManifestBlockBytes,
                std::string(3 * kManifestBlockBytes, '\0'));
  damaged(5 * kManifestBlockBytes);
}

TEST_CASE("every reserved byte of a manifest's header and of a record must be zero") {
  const auto refused = [](const std::string& bytes, const std::string& place) {
    const absl::Status status = Scan(bytes).status();
    INFO(place, ": ", status.ToString());
    CHECK(GetErrorReason(status) == ErrorReason::kDamaged);
    CHECK(status.message().find(place) != std::string_view::npos);
  };
  const auto with_crc = [](std::string bytes, size_t crc_at, size_t begin, size_t end) {
    ByteWriter crc;
    crc.U32(MaskCrc(Crc32c(AsBytes(bytes).subspan(begin, end - begin))));
    return bytes.replace(crc_at, 4, crc.buffer());
  };
  for (size_t at = 12; at < kManifestBlockBytes - 4; at = at == 15 ? 88 : at + 1) {
    std::string bytes = Sample().bytes();
    bytes[at] = 1;
    refused(with_crc(bytes, kManifestBlockBytes - 4, 0, kManifestBlockBytes - 4),
            "header: byte " + std::to_string(at));
  }
  // Of each record, the last one and its mark too: nothing else may be taken for a torn tail.
  for (const size_t block : {1U, 2U, 3U, 4U, 5U, 8U}) {
    const size_t record = block * kManifestBlockBytes;
    for (size_t at = 18; at < 24; ++at) {
      std::string bytes = Sample().bytes();
      bytes[record + at] = 1;
      refused(
          with_crc(bytes, record, record + 4, record + kManifestRecordHeaderBytes),
          "record at " + std::to_string(record) + ": record header: byte " + std::to_string(at));
    }
  }
}

TEST_CASE("records out of sequence are damage") {
  const auto damaged = [](const FileBuilder& file) {
    CHECK(GetErrorReason(file.Scan().status()) == ErrorReason::kDamaged);
  };
  using Type = ManifestRecordType;
  damaged(FileBuilder().Edit(11, "edit"));
  damaged(FileBuilder().Record(Type::kCheckpoint, 10, "state").Edit(11, "edit"));
  damaged(FileBuilder().Checkpoint().Checkpoint());
  damaged(FileBuilder().Checkpoint().Edit(12, "edit"));
  damaged(FileBuilder().Checkpoint().Edit(10, "edit"));
  damaged(FileBuilder().Checkpoint().Mark());
  damaged(FileBuilder().Checkpoint().Record(Type::kEdit, 11, "a").Record(Type::kEdit, 12, "b"));
  damaged(FileBuilder().Checkpoint().Record(static_cast<Type>(9), 11, "later"));
  damaged(FileBuilder());
}

TEST_CASE("blocks of another manifest or another place are never records") {
  const std::string ours = Sample().bytes();
  const std::string other = FileBuilder(0x77).Checkpoint().Edit(11, "other").bytes();
  // As a tail they are garbage, in the middle they are damage.
  const std::string block = other.substr(3 * kManifestBlockBytes, kManifestBlockBytes);
  auto scan = Scan(ours + block);
  REQUIRE(scan.ok());
  CHECK(scan->records.size() == 3);
  CHECK_FALSE(scan->clean);
  std::string mixed = ours;
  mixed.replace(3 * kManifestBlockBytes, kManifestBlockBytes, block);
  CHECK(absl::IsDataLoss(Scan(mixed).status()));
  // A block of ours at another place: no crash leaves one.
  CHECK(absl::IsDataLoss(
      Scan(ours + ours.substr(3 * kManifestBlockBytes, kManifestBlockBytes)).status()));
  // The last record and its mark change places: each alone would pass for a torn tail.
  const size_t last = ours.size() - 2 * kManifestBlockBytes;
  const std::string swapped = ours.substr(0, last) + ours.substr(last + kManifestBlockBytes) +
                              ours.substr(last, kManifestBlockBytes);
  CHECK(absl::IsDataLoss(Scan(swapped).status()));
}

TEST_CASE("features of newer versions") {
  const auto with = [](const FeatureMasks& features, uint32_t version) {
    ManifestFileHeader header = Header();
    header.features = features;
    header.format_version = version;
    return DecodeManifestFileHeader(AsBytes(EncodeManifestFileHeader(header))).status();
  };
  CHECK(with({}, 1) == absl::OkStatus());
  CHECK(with({.compat = ~uint64_t{0}, .ro_compat = 1}, 1) == absl::OkStatus());
  CHECK(GetErrorReason(with({.incompat = 1}, 1)) == ErrorReason::kUnknownFormat);
  CHECK(with({.incompat = 1}, 1).message().find("encryption") != std::string::npos);
  CHECK(GetErrorReason(with({}, 2)) == ErrorReason::kUnknownFormat);
}

TEST_CASE("random bytes are never taken for a manifest") {
  const uint64_t seed = tests::TestSeed(62);
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::string bytes = RandomBytes(random, random() % 20'000);
    CHECK(absl::IsDataLoss(Scan(bytes).status()));
    // Behind a right header.
    bytes = EncodeManifestFileHeader(Header()) + bytes;
    CHECK(absl::IsDataLoss(Scan(bytes).status()));
  }
}

}  // namespace
}  // namespace perigee::storage
