// SPDX-License-Identifier: Apache-2.0
//
// ScriptedUringQueue: a kernel whose moods a test decides. It does the operations with plain calls,
// but cuts them short, fails them, answers late and in any order, and refuses to take them.
//
// Invariants: an operation is done when it is submitted; its completion can be taken when the
// script lets it through, at the latest when the kernel is asked again.
// Thread-safety: none; the script is shared with the test, on one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/io/uring_queue.h"

namespace perigee::storage {

struct UringScript {
  /// For the next operations in turn: an errno value to fail with (< 0), bytes to move at most
  /// (> 0), or nothing special (0). Behind the end: nothing special.
  std::deque<int32_t> answers = {};
  /// For the next calls of SubmitAndWait in turn: what they return when negative. The operations
  /// are accepted all the same if `refusals_accept`; their completions come later.
  std::deque<int> refusals = {};
  bool refusals_accept = false;
  /// Completions come in the opposite order.
  bool reversed = false;
  /// Completions that nobody waits for come first.
  std::vector<UringCompletion> strays = {};
  uint32_t overflows = 0;

  /// Seen with what is in flight, before anything is done.
  std::function<void(const std::vector<UringOperation>&)> in_flight = {};
  /// "submit write 4", "complete write 2", ... in the order of events.
  std::vector<std::string> events = {};
  size_t in_flight_max = 0;
  int queues_alive = 0;
};

class ScriptedUringQueue final : public UringQueue {
 public:
  explicit ScriptedUringQueue(std::shared_ptr<UringScript> script);
  ~ScriptedUringQueue() override;
  ScriptedUringQueue(const ScriptedUringQueue&) = delete;
  ScriptedUringQueue& operator=(const ScriptedUringQueue&) = delete;

  void Add(const UringOperation& operation, uint64_t tag) override;
  int SubmitAndWait(unsigned wanted) override;
  size_t Take(std::span<UringCompletion> out) override;
  unsigned queued() const override { return static_cast<unsigned>(queued_.size()); }
  uint32_t overflows() const override { return script_->overflows; }
  bool is_restricted() const override { return true; }

  static UringQueueFactory FactoryFor(std::shared_ptr<UringScript> script);

 private:
  struct Entry {
    UringOperation operation = {};
    UringCompletion completion = {};
  };

  void Accept();
  int32_t Do(const UringOperation& operation);

  const std::shared_ptr<UringScript> script_;
  std::vector<Entry> queued_;
  std::deque<Entry> accepted_;  // done, and not let through
  std::deque<Entry> completed_;
  bool looked_ = false;
};

}  // namespace perigee::storage
