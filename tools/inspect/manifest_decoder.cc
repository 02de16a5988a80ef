// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/manifest_decoder.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/identity_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kFileMagic = "PERGMAN1";
constexpr std::string_view kRecordMagic = "PERGREC1";
constexpr size_t kRecordHeader = 64;
constexpr size_t kSaltBytes = 8;

// What a record's own 64 bytes say, once they are known to be of this file and place.
struct Frame {
  ManifestRecord record;
  uint16_t kind = 0;
  uint64_t payload_bytes = 0;
  bool reserved_used = false;
  uint64_t extent() const { return RoundUp(kRecordHeader + payload_bytes, kManifestBlock); }
};

bool DecodeHeader(std::string_view bytes, ManifestHeader& header, FileFindings& findings) {
  if (bytes.size() < kManifestBlock || bytes.substr(0, 8) != kFileMagic) {
    return findings.Add({.code = "manifest.header",
                         .offset = 0,
                         .expected = "a block of 4096 bytes that begins with PERGMAN1",
                         .found = bytes.size() < kManifestBlock
                                      ? absl::StrCat(bytes.size(), " bytes")
                                      : HexOf(bytes.substr(0, 8))});
  }
  const std::string_view covered = bytes.substr(0, kManifestBlock - 4);
  if (MaskedCrc32c(covered) != U32At(bytes, kManifestBlock - 4)) {
    return findings.Add({.code = "manifest.header",
                         .offset = kManifestBlock - 4,
                         .expected = absl::StrFormat("checksum %08x", MaskedCrc32c(covered)),
                         .found = absl::StrFormat("%08x", U32At(bytes, kManifestBlock - 4))});
  }
  if (U32At(bytes, 8) != 1) {
    return findings.Add({.severity = Severity::kUnsupported,
                         .code = "format.version",
                         .offset = 8,
                         .expected = "manifest format version 1",
                         .found = absl::StrCat(U32At(bytes, 8))});
  }
  header.ro_compat = U64At(bytes, 24);
  header.incompat = U64At(bytes, 32);
  header.database = Uuid::From(bytes.substr(40, 16));
  header.file = Uuid::From(bytes.substr(56, 16));
  header.number = U64At(bytes, 72);
  header.previous = U64At(bytes, 80);
  if (!CheckFeatures(header.ro_compat, header.incompat, findings)) {
    return false;
  }
  if (U32At(bytes, 12) != 0 || !IsZero(covered.substr(88))) {
    return findings.Add({.code = "manifest.header",
                         .offset = U32At(bytes, 12) != 0 ? 12 : 88,
                         .expected = "zeros in reserved bytes",
                         .found = "something else"});
  }
  return true;
}

// A record header of this file at `offset`, whatever place it names itself.
std::optional<Frame> FrameAt(std::string_view bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < kRecordHeader) {
    return std::nullopt;
  }
  const std::string_view head = bytes.substr(offset, kRecordHeader);
  const std::string_view salt = bytes.substr(56, kSaltBytes);
  Frame frame;
  frame.payload_bytes = U32At(head, 4);
  if (U32At(head, 0) != MaskedCrc32c(head.substr(4)) || head.substr(56, 8) != kRecordMagic ||
      head.substr(24, kSaltBytes) != salt || frame.payload_bytes > kManifestPayloadMax) {
    return std::nullopt;
  }
  frame.kind = U16At(head, 16);
  frame.reserved_used = !IsZero(head.substr(18, 6));
  frame.record.offset = U64At(head, 48);
  frame.record.version = U64At(head, 8);
  frame.record.kind = static_cast<ManifestRecordKind>(frame.kind);
  frame.record.hash = HashFrom(head.substr(32, 16));
  return frame;
}

// Whether the frame's payload and the zeros behind it are there.
bool Holds(std::string_view bytes, Frame& frame) {
  if (bytes.size() - frame.record.offset < frame.extent()) {
    return false;
  }
  const std::string_view extent = bytes.substr(frame.record.offset, frame.extent());
  frame.record.payload = extent.substr(kRecordHeader, frame.payload_bytes);
  if (!IsZero(extent.substr(kRecordHeader + frame.payload_bytes))) {
    return false;
  }
  if (frame.record.kind == ManifestRecordKind::kMark) {
    return frame.payload_bytes == 0;  // its hash is that of the record it marks
  }
  return HashOf({frame.record.payload}) == frame.record.hash;
}

// What is wrong with a record that holds, seen from those before it; empty when it follows.
std::string SequenceFault(const std::vector<ManifestRecord>& before, const Frame& frame) {
  if (before.empty()) {
    return frame.record.kind == ManifestRecordKind::kCheckpoint ? "" : "is not a checkpoint";
  }
  const ManifestRecord& last = before.back();
  switch (frame.record.kind) {
    case ManifestRecordKind::kCheckpoint:
      return "is a second checkpoint";
    case ManifestRecordKind::kEdit:
      if (!last.marked) {
        return "follows a record without a mark";
      }
      return frame.record.version == last.version + 1
                 ? ""
                 : absl::StrCat("follows version ", last.version);
    case ManifestRecordKind::kMark:
      return !last.marked && frame.record.version == last.version && frame.record.hash == last.hash
                 ? ""
                 : "is a mark of another record";
  }
  return "has an unknown type";
}

// What stands at `offset`, where no record holds and bytes follow.
ManifestEnd JudgeEnd(std::string_view bytes, uint64_t offset, FileFindings& findings) {
  const auto damaged = [&findings, offset](std::string found) {
    findings.Add({.code = "manifest.record",
                  .offset = offset,
                  .expected = "a record that holds, or the end of the file",
                  .found = std::move(found)});
    return ManifestEnd::kDamaged;
  };
  for (uint64_t later = offset + kManifestBlock; later < bytes.size(); later += kManifestBlock) {
    if (FrameAt(bytes, later).has_value()) {
      return damaged(absl::StrCat("a record that does not hold; the record at offset ", later,
                                  " proves that it had been written"));
    }
  }
  const std::optional<Frame> here = FrameAt(bytes, offset);
  if (here.has_value() && here->record.offset != offset) {
    return damaged(absl::StrCat("the header of the record at offset ", here->record.offset));
  }
  if (here.has_value() && bytes.size() - offset > here->extent()) {
    return damaged(absl::StrCat("a record that does not hold, of ", here->extent(),
                                " bytes, and bytes behind it"));
  }
  return ManifestEnd::kTorn;
}

}  // namespace

std::string_view ManifestEndName(ManifestEnd end) {
  switch (end) {
    case ManifestEnd::kClean:
      return "clean";
    case ManifestEnd::kUnmarked:
      return "last edit not marked";
    case ManifestEnd::kTorn:
      return "torn";
    case ManifestEnd::kDamaged:
      return "damaged";
  }
  return "?";
}

std::optional<ManifestContent> DecodeManifest(std::string_view bytes, FileFindings& findings) {
  ManifestContent content;
  if (!DecodeHeader(bytes, content.header, findings)) {
    return std::nullopt;
  }
  uint64_t offset = kManifestBlock;
  while (offset < bytes.size()) {
    std::optional<Frame> frame = FrameAt(bytes, offset);
    if (frame.has_value() && frame->record.offset == offset && frame->reserved_used) {
      findings.Add({.code = "manifest.record",
                    .offset = offset + 18,
                    .expected = "zeros in the reserved bytes of a record's header",
                    .found = "something else"});
      content.end_offset = offset;
      content.end = ManifestEnd::kDamaged;
      return content;
    }
    if (!frame.has_value() || frame->record.offset != offset || !Holds(bytes, *frame)) {
      break;
    }
    if (const std::string fault = SequenceFault(content.records, *frame); !fault.empty()) {
      findings.Add({.code = "manifest.sequence",
                    .offset = offset,
                    .expected = "records that follow each other, each with its mark",
                    .found = absl::StrCat("version ", frame->record.version, " ", fault)});
      content.end_offset = offset;
      return content;
    }
    if (frame->record.kind == ManifestRecordKind::kMark) {
      content.records.back().marked = true;
    } else {
      content.records.push_back(frame->record);
    }
    offset += frame->extent();
  }
  content.end_offset = offset;
  if (content.records.empty()) {
    findings.Add({.code = "manifest.checkpoint",
                  .offset = kManifestBlock,
                  .expected = "the checkpoint, which was durable before CURRENT named this file",
                  .found = "no record that holds"});
    return content;
  }
  if (offset < bytes.size()) {
    content.end = JudgeEnd(bytes, offset, findings);
  } else {
    content.end = content.records.back().marked ? ManifestEnd::kClean : ManifestEnd::kUnmarked;
  }
  return content;
}

}  // namespace perigee::tools::inspect
