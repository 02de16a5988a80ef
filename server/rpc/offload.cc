// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/offload.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "storage/foundation/log.h"

namespace perigee::server {

absl::Status InternalError(const kj::Exception& exception) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const std::string id = absl::StrCat(absl::Hex(random(), absl::kZeroPad16));
  Log(LogLevel::kError, "rpc.internal_error",
      absl::StrCat("correlation id ", id, ": ", exception.getDescription().cStr()));
  return absl::InternalError(
      absl::StrCat("internal error; the server's log has more under correlation id ", id));
}

}  // namespace perigee::server
