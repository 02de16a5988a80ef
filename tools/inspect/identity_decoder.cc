// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/identity_decoder.h"

#include <charconv>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/checksum.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kIdentityMagic = "PRGIDENT";
constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::string_view kCurrentFirstLine = "perigee current 1";
constexpr size_t kManifestDigitsMin = 6;
constexpr uint64_t kBlock = 4096;

struct Range {
  std::string_view name;
  size_t offset = 0;
  uint64_t value = 0;
  uint64_t smallest = 0;
  uint64_t largest = 0;
  uint64_t unit = 1;
};

bool CheckRange(const Range& range, FileFindings& findings) {
  if (range.value >= range.smallest && range.value <= range.largest &&
      range.value % range.unit == 0) {
    return true;
  }
  return findings.Add({.code = "identity.field",
                       .offset = range.offset,
                       .expected = absl::StrCat(Absl(range.name), " from ", range.smallest, " to ",
                                                range.largest, ", a multiple of ", range.unit),
                       .found = absl::StrCat(range.value)});
}

bool CheckIdentityFields(std::string_view bytes, const Identity& identity, FileFindings& findings) {
  bool valid = CheckFeatures(identity.ro_compat, identity.incompat, findings);
  valid &= CheckRange({"log file bytes", 56, identity.log_file_bytes, 65536, 1U << 30U, kBlock},
                      findings);
  valid &= CheckRange({"reserve bytes", 64, identity.reserve_bytes, 0, uint64_t{1} << 40U, kBlock},
                      findings);
  if (identity.section_alignment != 4096 && identity.section_alignment != 65536) {
    valid = findings.Add({.code = "identity.field",
                          .offset = 72,
                          .expected = "section alignment 4096 or 65536",
                          .found = absl::StrCat(identity.section_alignment)});
  }
  valid &= CheckRange({"bucket function", 76, U32At(bytes, 76), 1, 1}, findings);
  if (identity.database.is_nil()) {
    valid = findings.Add({.code = "identity.field",
                          .offset = 40,
                          .expected = "a database uuid",
                          .found = "the nil uuid"});
  }
  if (U32At(bytes, 12) != 0 || !IsZero(bytes.substr(88, 36))) {
    valid = findings.Add({.code = "identity.field",
                          .offset = U32At(bytes, 12) != 0 ? 12 : 88,
                          .expected = "zeros in reserved bytes",
                          .found = "something else"});
  }
  return valid;
}

}  // namespace

bool CheckFeatures(uint64_t ro_compat, uint64_t incompat, FileFindings& findings) {
  if (ro_compat != 0) {
    findings.Add({.severity = Severity::kNotice,
                  .code = "format.ro_compat",
                  .expected = "ro_compat features that format 1 knows, which are none",
                  .found = absl::StrFormat("bits 0x%x", ro_compat)});
  }
  if (incompat == 0) {
    return true;
  }
  return findings.Add({.severity = Severity::kUnsupported,
                       .code = "format.incompat",
                       .expected = "incompat features that this version knows, which are none",
                       .found = absl::StrFormat("bits 0x%x", incompat)});
}

std::optional<Identity> DecodeIdentity(std::string_view bytes, FileFindings& findings) {
  if (bytes.size() != kIdentityBytes) {
    findings.Add({.code = "identity.size",
                  .expected = absl::StrCat(kIdentityBytes, " bytes"),
                  .found = absl::StrCat(bytes.size(), " bytes")});
    return std::nullopt;
  }
  if (bytes.substr(0, 8) != kIdentityMagic) {
    findings.Add({.code = "identity.magic",
                  .offset = 0,
                  .expected = std::string(kIdentityMagic),
                  .found = HexOf(bytes.substr(0, 8))});
    return std::nullopt;
  }
  if (const uint32_t crc = Crc32c(bytes.substr(0, 124)); crc != U32At(bytes, 124)) {
    findings.Add({.code = "identity.checksum",
                  .offset = 124,
                  .expected = absl::StrFormat("%08x", U32At(bytes, 124)),
                  .found = absl::StrFormat("%08x over bytes 0 to 123", crc)});
    return std::nullopt;
  }
  Identity identity;
  identity.version = U32At(bytes, 8);
  if (identity.version != 1) {
    findings.Add({.severity = Severity::kUnsupported,
                  .code = "format.version",
                  .offset = 8,
                  .expected = "layout version 1",
                  .found = absl::StrCat(identity.version)});
    return std::nullopt;
  }
  identity.compat = U64At(bytes, 16);
  identity.ro_compat = U64At(bytes, 24);
  identity.incompat = U64At(bytes, 32);
  identity.database = Uuid::From(bytes.substr(40, 16));
  identity.log_file_bytes = U64At(bytes, 56);
  identity.reserve_bytes = U64At(bytes, 64);
  identity.section_alignment = U32At(bytes, 72);
  identity.bucket_seed = U64At(bytes, 80);
  return CheckIdentityFields(bytes, identity, findings) ? std::optional(identity) : std::nullopt;
}

std::optional<uint64_t> ParseFileNumber(std::string_view digits, size_t digits_min) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.size() < digits_min ||
      (digits.size() > digits_min && digits[0] == '0')) {
    return std::nullopt;
  }
  return number;
}

std::optional<uint64_t> ParseManifestName(std::string_view name) {
  if (!name.starts_with(kManifestPrefix)) {
    return std::nullopt;
  }
  return ParseFileNumber(name.substr(kManifestPrefix.size()), kManifestDigitsMin);
}

std::string ManifestNameOf(uint64_t number) { return absl::StrFormat("MANIFEST-%06d", number); }

std::optional<Current> DecodeCurrent(std::string_view text, FileFindings& findings) {
  std::vector<std::string_view> lines;
  std::string_view rest = text;
  while (!rest.empty() && lines.size() < 5) {
    const size_t end = rest.find('\n');
    lines.push_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  const auto refuse = [&findings](std::string expected, std::string found) {
    findings.Add(
        {.code = "current.text", .expected = std::move(expected), .found = std::move(found)});
    return std::nullopt;
  };
  if (lines.size() != 4 || !text.ends_with('\n') || !rest.empty()) {
    return refuse("four lines", absl::StrCat(lines.size(), " lines, ", text.size(), " bytes"));
  }
  const size_t covered = text.size() - lines[3].size() - 1;
  const std::string crc = absl::StrFormat("%08x", Crc32c(text.substr(0, covered)));
  if (lines[3] != crc) {
    return refuse(absl::StrCat("checksum ", crc, " in the fourth line"),
                  absl::StrCat("'", Absl(lines[3].substr(0, 40)), "'"));
  }
  if (lines[0] != kCurrentFirstLine) {
    findings.Add({.severity = lines[0].starts_with("perigee current ") ? Severity::kUnsupported
                                                                       : Severity::kDamage,
                  .code = "current.version",
                  .expected = std::string(kCurrentFirstLine),
                  .found = std::string(lines[0].substr(0, 40))});
    return std::nullopt;
  }
  const std::optional<uint64_t> number = ParseManifestName(lines[1]);
  const std::optional<Uuid> database = Uuid::Parse(lines[2].substr(0, 36));
  const std::optional<Uuid> file = lines[2].size() == 73 && lines[2][36] == ' '
                                       ? Uuid::Parse(lines[2].substr(37))
                                       : std::nullopt;
  if (!number.has_value() || !database.has_value() || !file.has_value()) {
    return refuse("a manifest's name, then two uuids",
                  absl::StrCat("'", Absl(lines[1]), "', '", Absl(lines[2]), "'"));
  }
  return Current{.manifest_name = std::string(lines[1]),
                 .manifest_number = *number,
                 .database = *database,
                 .manifest_file = *file};
}

}  // namespace perigee::tools::inspect
