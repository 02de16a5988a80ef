// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/open_attempts.h"

#include <algorithm>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

constexpr std::string_view kMagic = "PRGOPENS";
constexpr uint32_t kFormatVersion = 1;
constexpr size_t kFileBytesMax = 4096;

absl::Status Damaged(std::string_view what) {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat("OPENING: ", Absl(what)));
}

}  // namespace

std::string EncodeFailedOpens(const Uuid& database_uuid, const FailedOpens& opens) {
  const std::string_view reason =
      std::string_view(opens.last_reason).substr(0, OpenAttempts::kReasonBytesMax);
  ByteWriter writer;
  writer.Bytes(kMagic);
  writer.U32(kFormatVersion);
  writer.U32(static_cast<uint32_t>(opens.times.size()));
  writer.Bytes(database_uuid.bytes());
  for (const absl::Time time : opens.times) {
    writer.U64(static_cast<uint64_t>(absl::ToUnixMicros(time)));
  }
  writer.U32(static_cast<uint32_t>(reason.size()));
  writer.Bytes(reason);
  writer.U32(Crc32c(writer.bytes()));
  return writer.Take();
}

absl::StatusOr<FailedOpens> DecodeFailedOpens(const Uuid& database_uuid,
                                              std::span<const std::byte> bytes) {
  const std::optional<std::span<const std::byte>> checked = WithoutCrc(bytes);
  if (!checked.has_value()) {
    return Damaged("wrong checksum");
  }
  ByteReader reader(*checked);
  if (reader.Text(kMagic.size()) != kMagic || reader.U32() != kFormatVersion) {
    return Damaged("wrong magic or version");
  }
  const uint32_t count = reader.U32();
  const std::span<const std::byte> uuid = reader.Bytes(Uuid::kBytes);
  if (!reader.ok() || count > OpenAttempts::kAttemptsMax ||
      Uuid::FromBytes(uuid) != database_uuid) {
    return Damaged("a value is outside its limits");
  }
  FailedOpens opens;
  for (uint32_t i = 0; i < count; ++i) {
    opens.times.push_back(absl::FromUnixMicros(static_cast<int64_t>(reader.U64())));
  }
  const uint32_t length = reader.U32();
  if (!reader.ok() || length > OpenAttempts::kReasonBytesMax) {
    return Damaged("a value is outside its limits");
  }
  opens.last_reason = std::string(reader.Text(length));
  PERIGEE_RETURN_IF_ERROR(reader.Finish());
  return opens;
}

OpenAttempts::OpenAttempts(DataDirectory& directory) : directory_(directory) {
  const absl::StatusOr<std::string> bytes =
      directory.files().ReadAll(kOpenAttemptsName, kFileBytesMax);
  exists_ = !absl::IsNotFound(bytes.status());
  if (!exists_) {
    return;
  }
  const absl::StatusOr<FailedOpens> opens =
      bytes.ok() ? DecodeFailedOpens(directory.database_uuid(), AsBytes(*bytes)) : bytes.status();
  if (opens.ok()) {
    before_ = *opens;
  } else {
    Log(LogLevel::kWarning, "open.attempts", Std(opens.status().message()));
  }
}

std::string OpenAttempts::Diagnosis(absl::Time now) const {
  const bool all_recent =
      std::all_of(before_.times.begin(), before_.times.end(),
                  [now](absl::Time time) { return absl::AbsDuration(now - time) <= kWindow; });
  if (before_.times.size() < kAttemptsMax || !all_recent) {
    return "";
  }
  return absl::StrCat("the last ", before_.times.size(), " opens failed within ",
                      absl::FormatDuration(kWindow), "; the last one ",
                      before_.last_reason.empty() ? "ended with its process, without telling why"
                                                  : absl::StrCat("said: ", before_.last_reason));
}

void OpenAttempts::Begin(absl::Time now) {
  with_this_ = CanaryActive("failed-opens-forgotten") ? FailedOpens() : before_;
  with_this_.last_reason.clear();
  with_this_.times.push_back(now);
  if (with_this_.times.size() > kAttemptsMax) {
    with_this_.times.erase(with_this_.times.begin());
  }
  Write(with_this_);
}

void OpenAttempts::Failed(const absl::Status& reason) {
  with_this_.last_reason = std::string(reason.message());
  Write(with_this_);
}

void OpenAttempts::Write(const FailedOpens& opens) {
  const std::string bytes = EncodeFailedOpens(directory_.database_uuid(), opens);
  const absl::Status written = directory_.files().WriteAdvisory(kOpenAttemptsName, AsBytes(bytes));
  exists_ = exists_ || written.ok();
  if (!written.ok()) {
    Log(LogLevel::kWarning, "open.attempts", Std(written.message()));
  }
}

absl::Status OpenAttempts::Succeeded() {
  return exists_ ? directory_.files().Remove(std::string(kOpenAttemptsName)) : absl::OkStatus();
}

}  // namespace perigee::storage
