// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_bounds.h"

#include <doctest/doctest.h>
#include <kj/debug.h>

#include "storage/foundation/error_reason.h"

namespace perigee::wire {
namespace {

TEST_CASE("counts and texts beyond their limit are refused with the reason limit") {
  CHECK(CheckCount("a list", 3, 3).ok());
  CHECK(GetErrorReason(CheckCount("a list", 4, 3)) == ErrorReason::kLimit);
  CHECK(*CopyText("a text", "abc", 3) == "abc");
  CHECK(GetErrorReason(CopyText("a text", "abcd", 3).status()) == ErrorReason::kLimit);
}

TEST_CASE("texts keep zero bytes") {
  const std::string text("a\0b", 3);
  CHECK(*CopyText("a text", WireText(text), 10) == text);
}

TEST_CASE("an exception while decoding is a malformed message and tells nothing") {
  const absl::StatusOr<int> result =
      Guarded([]() -> absl::StatusOr<int> { KJ_FAIL_REQUIRE("secret of the library"); });
  CHECK(result.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(result.status().message()).find("secret") == std::string::npos);
  CHECK(*Guarded([]() -> absl::StatusOr<int> { return 7; }) == 7);
}

}  // namespace
}  // namespace perigee::wire
