// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/feature_masks.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

// The version behind the name of a feature is the first that knows it.
std::string IncompatName(uint64_t bit) {
  switch (bit) {
    case kIncompatEncryption:
      return "encryption, reserved for a later version";
    case kIncompatCodebook:
      return "external codebook, reserved for a later version";
    default:
      return "unknown to this version";
  }
}

// "incompat bit 0 (encryption, reserved ...), incompat bit 17 (unknown to this version)".
std::string NamesOf(std::string_view mask, uint64_t bits) {
  std::string names;
  for (int position = 0; position < 64; ++position) {
    const uint64_t bit = uint64_t{1} << position;
    if ((bits & bit) != 0) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", Absl(mask), " bit ", position, " (",
                      mask == "incompat" ? IncompatName(bit) : "unknown to this version", ")");
    }
  }
  return names;
}

absl::Status Refusal(std::string_view file, const std::string& features, std::string_view remedy) {
  return ErrorWithReason(ErrorReason::kUnknownFormat,
                         absl::StrCat(Absl(file), " uses a feature that this version lacks: ",
                                      features, "; ", Absl(remedy)));
}

}  // namespace

absl::Status CheckIncompatFeatures(const FeatureMasks& masks, std::string_view file) {
  const uint64_t unknown = masks.incompat & ~kIncompatKnown;
  return unknown == 0 || CanaryActive("incompat-bit-ignored")
             ? absl::OkStatus()
             : Refusal(file, NamesOf("incompat", unknown), "open it with a later version");
}

absl::Status CheckRoCompatFeatures(const FeatureMasks& masks, std::string_view file) {
  const uint64_t unknown = masks.ro_compat & ~kRoCompatKnown;
  return unknown == 0 ? absl::OkStatus()
                      : Refusal(file, NamesOf("ro_compat", unknown),
                                "open the database read-only, or with a later version");
}

}  // namespace perigee::storage
