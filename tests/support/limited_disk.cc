// SPDX-License-Identifier: Apache-2.0
#include "tests/support/limited_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "storage/foundation/check.h"

namespace perigee::tests {

LimitedDisk::LimitedDisk(uint64_t bytes) {
  const std::string options = "size=" + std::to_string(bytes);
  mounted_ = unshare(CLONE_NEWNS) == 0 &&
             mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
             mount("tmpfs", path().c_str(), "tmpfs", 0, options.c_str()) == 0;
}

LimitedDisk::~LimitedDisk() {
  if (mounted_) {
    umount2(path().c_str(), MNT_DETACH);
  }
}

void LimitedDisk::Fill() {
  const std::string filler = path() + "/filler-" + std::to_string(++fillers_);
  const int descriptor = open(filler.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  PERIGEE_CHECK(descriptor >= 0, "cannot make ", filler);
  for (const size_t step : {size_t{1} << 16U, size_t{1} << 12U}) {
    const std::vector<char> zeros(step);
    while (write(descriptor, zeros.data(), zeros.size()) > 0) {
    }
  }
  close(descriptor);
}

void LimitedDisk::Free() {
  for (; fillers_ > 0; --fillers_) {
    std::filesystem::remove(path() + "/filler-" + std::to_string(fillers_));
  }
}

}  // namespace perigee::tests
