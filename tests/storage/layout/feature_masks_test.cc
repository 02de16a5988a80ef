// SPDX-License-Identifier: Apache-2.0
#include "storage/layout/feature_masks.h"

#include <doctest/doctest.h>

#include <string>

#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

bool Says(const absl::Status& status, const std::string& words) {
  return std::string(status.message()).find(words) != std::string::npos;
}

TEST_CASE("features that may be ignored are ignored") {
  const FeatureMasks masks{.compat = ~uint64_t{0}};
  CHECK(CheckIncompatFeatures(masks, "file").ok());
  CHECK(CheckRoCompatFeatures(masks, "file").ok());
  CHECK_FALSE(HasUnknownRoCompat(masks));
}

TEST_CASE("every bit that is not known is refused by number") {
  for (int bit = 0; bit < 64; ++bit) {
    const absl::Status incompat =
        CheckIncompatFeatures({.incompat = uint64_t{1} << bit}, "the file");
    CHECK(GetErrorReason(incompat) == ErrorReason::kUnknownFormat);
    CHECK(Says(incompat, "the file"));
    CHECK(Says(incompat, "incompat bit " + std::to_string(bit) + " ("));
    const FeatureMasks read_only{.ro_compat = uint64_t{1} << bit};
    CHECK(HasUnknownRoCompat(read_only));
    CHECK(CheckIncompatFeatures(read_only, "the file").ok());
    CHECK(Says(CheckRoCompatFeatures(read_only, "the file"),
               "ro_compat bit " + std::to_string(bit) + " (unknown to this version)"));
  }
}

TEST_CASE("a feature that has a name is refused by it") {
  const absl::Status status =
      CheckIncompatFeatures({.incompat = kIncompatEncryption | uint64_t{1} << 40}, "file");
  CHECK(Says(status, "encryption"));
  CHECK(Says(status, "incompat bit 40 (unknown to this version)"));
}

}  // namespace
}  // namespace perigee::storage
