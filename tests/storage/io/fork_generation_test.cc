// SPDX-License-Identifier: Apache-2.0
#include "storage/io/fork_generation.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace perigee::storage {
namespace {

TEST_CASE("a child is told from its parent") {
  const uint64_t here = ForkGeneration();
  std::thread([here] { CHECK(ForkGeneration() == here); }).join();
  const pid_t child = fork();
  if (child == 0) {
    _exit(ForkGeneration() == here ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(ForkGeneration() == here);
}

}  // namespace
}  // namespace perigee::storage
