// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/file_names.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "storage/foundation/check.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::string_view kLogSuffix = ".wal";

std::string InDirectory(std::string_view directory, std::string_view name) {
  return absl::StrCat(Absl(directory), "/", Absl(name));
}

std::optional<uint64_t> ParseNumber(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<FileName> ParseUuidName(FileKind kind, std::string_view text) {
  const auto uuid = Uuid::Parse(text);
  if (!uuid.ok()) {
    return std::nullopt;
  }
  return FileName{.kind = kind, .number = 0, .uuid = *uuid};
}

std::optional<FileName> ParseManifest(std::string_view name) {
  const auto number = ParseNumber(name.substr(kManifestPrefix.size()));
  if (!number.has_value() || ManifestName(*number) != name) {
    return std::nullopt;
  }
  return FileName{.kind = FileKind::kManifest, .number = *number};
}

std::optional<FileName> ParseLog(std::string_view name) {
  const size_t begin = kLogDirectory.size() + 1;
  if (name.size() < begin + kLogSuffix.size()) {
    return std::nullopt;
  }
  const auto number = ParseNumber(name.substr(begin, name.size() - begin - kLogSuffix.size()));
  if (!number.has_value() || LogName(*number) != name) {
    return std::nullopt;
  }
  return FileName{.kind = FileKind::kLog, .number = *number};
}

// "seg-<uuid>" is the temporary form of "seg/<uuid>".
std::optional<FileName> ParseTemporary(std::string_view name) {
  std::string final_name(name.substr(kTemporaryDirectory.size() + 1));
  if (final_name.find('/') != std::string::npos) {
    return std::nullopt;
  }
  for (const std::string_view directory : kDirectories) {
    if (final_name.starts_with(directory) && final_name.size() > directory.size() &&
        final_name[directory.size()] == '-') {
      final_name[directory.size()] = '/';
      break;
    }
  }
  const auto parsed = ParseFileName(final_name);
  if (!parsed.has_value() || parsed->kind == FileKind::kTemporary) {
    return std::nullopt;
  }
  return FileName{.kind = FileKind::kTemporary, .number = parsed->number, .uuid = parsed->uuid};
}

}  // namespace

// StrCat and not StrFormat, which ends the process when memory is short.
std::string ManifestName(uint64_t number) {
  return absl::StrCat("MANIFEST-", absl::Dec(number, absl::kZeroPad6));
}

std::string LogName(uint64_t number) {
  return absl::StrCat(Absl(kLogDirectory), "/", absl::Dec(number, absl::kZeroPad16),
                      Absl(kLogSuffix));
}

std::string SegmentName(const Uuid& uuid) {
  return InDirectory(kSegmentDirectory, uuid.ToString());
}

std::string DeletionName(const Uuid& uuid) {
  return InDirectory(kDeletionDirectory, uuid.ToString());
}

std::string CodebookName(const Uuid& uuid) {
  return InDirectory(kCodebookDirectory, uuid.ToString());
}

std::string TemporaryName(std::string_view final_name) {
  const auto parsed = ParseFileName(final_name);
  PERIGEE_CHECK(parsed.has_value() && parsed->kind != FileKind::kTemporary, "'", Absl(final_name),
                "' is not a final name");
  std::string flat(final_name);
  if (const size_t slash = flat.find('/'); slash != std::string::npos) {
    flat[slash] = '-';
  }
  return InDirectory(kTemporaryDirectory, flat);
}

std::string ParentOf(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') {
    path.remove_suffix(1);
  }
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return ".";
  }
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::optional<FileName> ParseFileName(std::string_view name) {
  if (name == kIdentityName) {
    return FileName{.kind = FileKind::kIdentity};
  }
  if (name == kLockName) {
    return FileName{.kind = FileKind::kLock};
  }
  if (name == kCurrentName) {
    return FileName{.kind = FileKind::kCurrent};
  }
  if (name == kSnapshotListName) {
    return FileName{.kind = FileKind::kSnapshotList};
  }
  if (name == kScrubRecordName) {
    return FileName{.kind = FileKind::kScrubRecord};
  }
  if (name == kReserveName) {
    return FileName{.kind = FileKind::kReserve};
  }
  if (name == kOpenAttemptsName) {
    return FileName{.kind = FileKind::kOpenAttempts};
  }
  if (name == kInitialisingName) {
    return FileName{.kind = FileKind::kTemporary};
  }
  if (name.starts_with(kManifestPrefix)) {
    return ParseManifest(name);
  }
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view directory = name.substr(0, slash);
  const std::string_view rest = name.substr(slash + 1);
  if (directory == kLogDirectory) {
    return ParseLog(name);
  }
  if (directory == kSegmentDirectory) {
    return ParseUuidName(FileKind::kSegment, rest);
  }
  if (directory == kDeletionDirectory) {
    return ParseUuidName(FileKind::kDeletion, rest);
  }
  if (directory == kCodebookDirectory) {
    return ParseUuidName(FileKind::kCodebook, rest);
  }
  return directory == kTemporaryDirectory ? ParseTemporary(name) : std::nullopt;
}

}  // namespace perigee::storage
