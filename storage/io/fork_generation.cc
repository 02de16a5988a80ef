// SPDX-License-Identifier: Apache-2.0
#include "storage/io/fork_generation.h"

#include <pthread.h>

#include <atomic>

namespace perigee::storage {
namespace {

std::atomic<uint64_t> generation{0};  // lock-free, so usable in the child's atfork handler

void CountFork() { generation.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

uint64_t ForkGeneration() {
  // A handler rather than getpid(): no system call, and process ids come around again.
  static const int registered = pthread_atfork(nullptr, nullptr, &CountFork);
  static_cast<void>(registered);
  return generation.load(std::memory_order_relaxed);
}

}  // namespace perigee::storage
