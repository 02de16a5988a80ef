// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/deletion_decoder.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/disk_file.h"
#include "tools/inspect/identity_decoder.h"
#include "tools/inspect/segment_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kMagic = "PERGDEL1";
constexpr size_t kHeader = 192;
constexpr size_t kRowBytes = 4;
constexpr size_t kLsnBytes = 8;
constexpr uint64_t kRowsMax = 4294967294;

uint64_t RowsEnd(uint64_t dead) { return RoundUp(kHeader + dead * kRowBytes, 8); }

bool DecodeHeader(std::string_view head, uint64_t size, DeletionContent& content, uint64_t& dead,
                  FileFindings& findings) {
  const auto refuse = [&findings](uint64_t offset, std::string expected, std::string found) {
    return findings.Add({.code = "deletion.header",
                         .offset = offset,
                         .expected = std::move(expected),
                         .found = std::move(found)});
  };
  if (head.substr(0, 8) != kMagic) {
    return refuse(0, std::string(kMagic), HexOf(head.substr(0, 8)));
  }
  if (const uint32_t crc = MaskedCrc32c(head.substr(0, 188)); crc != U32At(head, 188)) {
    return refuse(188, absl::StrFormat("checksum %08x", crc),
                  absl::StrFormat("%08x", U32At(head, 188)));
  }
  if (U32At(head, 8) != 1) {
    return findings.Add({.severity = Severity::kUnsupported,
                         .code = "format.version",
                         .offset = 8,
                         .expected = "deletion format version 1",
                         .found = absl::StrCat(U32At(head, 8))});
  }
  if (!CheckFeatures(U64At(head, 24), U64At(head, 32), findings)) {
    return false;
  }
  content.database = Uuid::From(head.substr(40, 16));
  content.segment = Uuid::From(head.substr(56, 16));
  content.deletion = Uuid::From(head.substr(72, 16));
  content.generation = U64At(head, 88);
  content.complete_lsn = U64At(head, 96);
  content.segment_rows = U64At(head, 104);
  dead = U64At(head, 112);
  content.header_hash = HashOf({head});
  content.file_bytes = size;
  if (U32At(head, 12) != 0 || !IsZero(head.substr(136, 52))) {
    return refuse(U32At(head, 12) != 0 ? 12 : 136, "zeros in reserved bytes", "something else");
  }
  if (content.generation == 0 || content.segment_rows > kRowsMax || dead > content.segment_rows ||
      size != RowsEnd(dead) + dead * kLsnBytes) {
    return refuse(88, "a generation from 1 on and a length that follows from the dead rows",
                  absl::StrCat("generation ", content.generation, ", ", dead, " of ",
                               content.segment_rows, " rows, ", size, " bytes"));
  }
  return true;
}

}  // namespace

std::optional<DeletionContent> ReadDeletions(const std::string& path, FileFindings& findings) {
  const absl::StatusOr<DiskFile> file = DiskFile::Open(path);
  if (!file.ok()) {
    Finding finding = ReadFinding(file.status(), "");
    if (absl::IsNotFound(file.status())) {
      finding.code = "deletion.missing";
      finding.expected = "the file";
      finding.found = "no such file";
    }
    findings.Add(std::move(finding));
    return std::nullopt;
  }
  if (file->size() < kHeader) {
    findings.Add({.code = "deletion.header",
                  .expected = "at least 192 bytes",
                  .found = absl::StrCat(file->size(), " bytes")});
    return std::nullopt;
  }
  const absl::StatusOr<std::string> head = file->Read(0, kHeader);
  DeletionContent content;
  uint64_t dead = 0;
  if (!head.ok()) {
    findings.Add(ReadFinding(head.status(), ""));
    return std::nullopt;
  }
  if (!DecodeHeader(*head, file->size(), content, dead, findings)) {
    return std::nullopt;
  }
  const absl::StatusOr<std::string> body = file->Read(kHeader, file->size() - kHeader);
  if (!body.ok()) {
    findings.Add(ReadFinding(body.status(), "body"));
    return std::nullopt;
  }
  const auto refuse = [&findings](uint64_t offset, std::string expected, std::string found) {
    findings.Add({.code = "deletion.body",
                  .offset = kHeader + offset,
                  .section = "body",
                  .expected = std::move(expected),
                  .found = std::move(found)});
    return std::nullopt;
  };
  const Hash hash = HashOf({*body});
  if (const Hash expected = HashFrom(head->substr(120, 16)); hash != expected) {
    return refuse(0, absl::StrCat("hash ", HexOf(expected)), HexOf(hash));
  }
  ByteCursor cursor(*body);
  for (uint64_t i = 0; i < dead; ++i) {
    const uint32_t row = cursor.U32();
    if (row >= content.segment_rows || (i > 0 && row <= content.rows.back())) {
      return refuse(i * kRowBytes, "rows of the segment, strictly ascending",
                    absl::StrCat("row ", row, " in place ", i));
    }
    content.rows.push_back(row);
  }
  cursor.Zeros(RowsEnd(dead) - kHeader - dead * kRowBytes);
  for (uint64_t i = 0; i < dead; ++i) {
    const uint64_t lsn = cursor.U64();
    if (lsn == 0 || lsn > content.complete_lsn) {
      return refuse(cursor.offset() - kLsnBytes,
                    absl::StrCat("LSNs from 1 to ", content.complete_lsn), absl::StrCat(lsn));
    }
    content.lsns.push_back(lsn);
  }
  if (!cursor.ok()) {
    return refuse(dead * kRowBytes, "zeros behind the rows", "something else");
  }
  return content;
}

bool CheckDeletions(const DeletionContent& content, const DeletionEntry& expected,
                    const SegmentEntry& segment, const Uuid& database, FileFindings& findings) {
  if (content.database == database && content.segment == segment.uuid &&
      content.deletion == expected.uuid && content.generation == expected.generation &&
      content.complete_lsn == expected.complete_lsn && content.segment_rows == segment.rows &&
      content.rows.size() == expected.dead_rows && content.file_bytes == expected.file_bytes &&
      content.header_hash == expected.hash) {
    return true;
  }
  return findings.Add(
      {.code = "deletion.reference",
       .offset = 40,
       .expected =
           absl::StrCat("generation ", expected.generation, " up to LSN ", expected.complete_lsn,
                        ", ", expected.dead_rows, " of ", segment.rows, " rows, hash ",
                        HexOf(expected.hash), ", as the manifest says"),
       .found = absl::StrCat("generation ", content.generation, " up to LSN ", content.complete_lsn,
                             ", ", content.rows.size(), " of ", content.segment_rows,
                             " rows, hash ", HexOf(content.header_hash))});
}

}  // namespace perigee::tools::inspect
