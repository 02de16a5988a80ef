// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/memory_boundary.h"

#include <doctest/doctest.h>

#include <memory_resource>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace perigee {
namespace {

TEST_CASE("what fails for want of memory is a status, the rest is as it was") {
  CHECK(WithinMemory([] { return absl::OkStatus(); }).ok());
  CHECK(absl::IsNotFound(WithinMemory([] { return absl::NotFoundError("x"); })));
  CHECK(*WithinMemory([]() -> absl::StatusOr<int> { return 7; }) == 7);
  // A request for too many bytes would end the program under AddressSanitizer.
  CHECK(absl::IsResourceExhausted(WithinMemory([] {
    const std::pmr::vector<char> bytes(1, std::pmr::null_memory_resource());
    return bytes.empty() ? absl::OkStatus() : absl::InternalError("had room");
  })));
  CHECK(absl::IsResourceExhausted(WithinMemory([]() -> absl::StatusOr<std::string> {
                                    std::string text;
                                    text.resize(text.max_size() + 1);
                                    return text;
                                  }).status()));
}

}  // namespace
}  // namespace perigee
