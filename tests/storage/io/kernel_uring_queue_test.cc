// SPDX-License-Identifier: Apache-2.0
#include "storage/io/kernel_uring_queue.h"

#include <doctest/doctest.h>
#include <sys/utsname.h>

#include <cstdio>
#include <string>

#include "storage/io/file_system_selection.h"

namespace perigee::storage {
namespace {

bool KernelCanRestrict() {  // Linux 5.10
  utsname name = {};
  int major = 0;
  int minor = 0;
  return uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
         (major > 5 || (major == 5 && minor >= 10));
}

TEST_CASE("U12: the kernel has refused an operation that is not ours") {
  if (const absl::Status probed = ProbeUring(); !probed.ok()) {
    MESSAGE("io_uring is not tested here: ", std::string(probed.message()));
    return;
  }
  const auto queue = MakeKernelUringQueue();
  REQUIRE(queue.ok());
  CHECK((*queue)->is_restricted() == KernelCanRestrict());
  CHECK((*queue)->overflows() == 0);
  CHECK((*queue)->queued() == 0);
}

}  // namespace
}  // namespace perigee::storage
