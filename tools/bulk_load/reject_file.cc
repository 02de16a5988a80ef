// SPDX-License-Identifier: Apache-2.0
#include "tools/bulk_load/reject_file.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace perigee::tools {
namespace {

constexpr uint64_t kShownMax = 10;

}  // namespace

absl::Status RejectFile::Add(const InputRow& row) {
  ++count_;
  const std::string reason(row.status.message());
  if (path_.empty()) {
    if (count_ <= kShownMax) {
      error_ << "perigee-load: row " << row.row << " refused: " << reason << "\n";
    } else if (count_ == kShownMax + 1) {
      error_ << "perigee-load: more refused rows follow; --rejects FILE keeps them all\n";
    }
    return absl::OkStatus();
  }
  if (!file_.is_open()) {
    file_.open(path_, std::ios::binary | std::ios::trunc);
    if (!file_) {
      return absl::PermissionDeniedError(
          absl::StrCat("cannot create the rejects file '", path_, "'"));
    }
  }
  const nlohmann::ordered_json line = {{"row", row.row},
                                       {"byte_offset", row.byte_offset},
                                       {"code", absl::StatusCodeToString(row.status.code())},
                                       {"reason", reason},
                                       {"raw", row.raw}};
  file_ << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  return absl::OkStatus();
}

absl::Status RejectFile::Close() {
  if (!file_.is_open()) {
    return absl::OkStatus();
  }
  file_.close();
  if (!file_) {
    return absl::UnavailableError(
        absl::StrCat("writing the rejects file '", path_, "' failed; it is not complete"));
  }
  return absl::OkStatus();
}

}  // namespace perigee::tools
