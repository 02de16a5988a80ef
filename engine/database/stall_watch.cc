// SPDX-License-Identifier: Apache-2.0
#include "engine/database/stall_watch.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/log.h"
#include "storage/io/thread_ring.h"

namespace perigee::engine {

StallWatch::StallWatch(const storage::IoWatch& watch, const Options& options, Fail fail)
    : watch_(watch), options_(options), fail_(std::move(fail)), thread_([this] { Run(); }) {}

StallWatch::~StallWatch() { Stop(); }

void StallWatch::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::string StallWatch::stalled() const {
  const absl::MutexLock lock(&mutex_);
  return stalled_;
}

void StallWatch::Run() {
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), options_.check_every)) {
        return;
      }
    }
    Check();
    storage::GiveBackIdleRings();
  }
}

void StallWatch::Check() {
  const std::optional<storage::IoCallAge> oldest = watch_.Oldest();
  const bool hangs = oldest.has_value() && oldest->age >= options_.stalled_after;
  const std::string text =
      hangs ? absl::StrCat("storage stalled: a call to ", oldest->call, " has not come back for ",
                           absl::ToInt64Seconds(oldest->age),
                           " s; see the disk and the log of the kernel")
            : "";
  bool was_stalled = false;
  {
    const absl::MutexLock lock(&mutex_);
    was_stalled = !stalled_.empty();
    stalled_ = text;
  }
  if (hangs != was_stalled) {
    Log(hangs ? LogLevel::kWarning : LogLevel::kInfo, hangs ? "storage.stalled" : "storage.answers",
        hangs ? text : "the disk answers again");
  }
  if (hangs && oldest->age >= options_.failed_after && !std::exchange(failed_, true)) {
    fail_(absl::UnavailableError(text));
  }
}

}  // namespace perigee::engine
