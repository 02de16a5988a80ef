// SPDX-License-Identifier: Apache-2.0
#include "tests/support/refused_call.h"

#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace perigee::tests {
namespace {

constexpr int kHolds = 0;
constexpr int kDoesNotHold = 1;
constexpr int kNoFilter = 2;

sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

// Programs of the test's own architecture only run here, so the number alone tells the call.
std::vector<sock_filter> ProgramOf(std::span<const RefusedCall> calls) {
  std::vector<sock_filter> program;
  for (const RefusedCall& call : calls) {
    const sock_filter refuse =
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(call.error_number));
    program.push_back(Load(offsetof(seccomp_data, nr)));
    if (call.only_with.has_value()) {
      const size_t argument = offsetof(seccomp_data, args) + 8 * size_t{call.only_with->index};
      program.push_back(
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call.number), 0, 3));
      program.push_back(Load(argument));
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, call.only_with->mask, 0, 1));
    } else {
      program.push_back(
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call.number), 0, 1));
    }
    program.push_back(refuse);
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return program;
}

bool SetFilter(std::span<const RefusedCall> calls) {
  std::vector<sock_filter> program = ProgramOf(calls);
  const sock_fprog filter = {.len = static_cast<unsigned short>(program.size()),
                             .filter = program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

bool HoldsWhereRefused(std::span<const RefusedCall> calls, const std::function<bool()>& check) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    _exit(!SetFilter(calls) ? kNoFilter : check() ? kHolds : kDoesNotHold);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) != kNoFilter);
  return WEXITSTATUS(status) == kHolds;
}

}  // namespace perigee::tests
