// SPDX-License-Identifier: Apache-2.0
#include "storage/foundation/log.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace perigee {
namespace {

struct SinkSlot {
  absl::Mutex mutex;
  LogSink sink ABSL_GUARDED_BY(mutex);
};

SinkSlot& Slot() {
  static SinkSlot* const slot = new SinkSlot;  // never destroyed: threads may log during exit
  return *slot;
}

}  // namespace

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
  }
  return "UNKNOWN";
}

void SetLogSink(LogSink sink) {
  absl::MutexLock lock(&Slot().mutex);
  Slot().sink = std::move(sink);
}

void Log(LogLevel level, std::string_view event, std::string_view message) {
  absl::MutexLock lock(&Slot().mutex);
  if (Slot().sink) {
    Slot().sink(level, event, message);
  }
}

}  // namespace perigee
