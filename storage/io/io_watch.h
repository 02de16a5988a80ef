// SPDX-License-Identifier: Apache-2.0
//
// IoWatch: which calls to the kernel have not come back, and for how long. A disk that hangs lets
// the calling threads hang with it, since a buffer cannot be taken back from the kernel; somebody
// beside them looks here and tells (U10).
//
// Invariants: noting a call takes no lock; when more than kSlots calls are under way, the rest is
// not watched.
// Thread-safety: may be used from every thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "storage/io/io_site.h"

namespace perigee::storage {

/// The call that has been under way the longest.
struct IoCallAge {
  std::string call = {};  ///< "write", "sync", ...
  IoSite site = {};
  absl::Duration age = {};
};

class IoWatch {
  struct Slot {
    std::atomic<int64_t> started_at{0};  // of the steady clock; 0: free, 1: being filled
    std::atomic<const char*> call{""};
    std::atomic<const char*> file{""};
    std::atomic<uint32_t> line{0};
  };

 public:
  static constexpr size_t kSlots = 64;

  /// Notes a call for the life of the object. `call` is a string literal; `watch` may be null.
  class Call {
   public:
    Call(IoWatch* watch, const char* call, IoSite site);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Slot* slot_ = nullptr;
  };

  std::optional<IoCallAge> Oldest() const;

 private:
  std::array<Slot, kSlots> slots_;
};

}  // namespace perigee::storage
