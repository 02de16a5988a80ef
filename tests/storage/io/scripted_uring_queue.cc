// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/io/scripted_uring_queue.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace perigee::storage {
namespace {

// As the kernel moves bytes: AddressSanitizer does not see it, and the buffers are poisoned.
__attribute__((no_sanitize_address)) void PutByte(std::byte* at, char byte) {
  *static_cast<volatile std::byte*>(at) = static_cast<std::byte>(byte);
}
__attribute__((no_sanitize_address)) char GetByte(const std::byte* at) {
  return static_cast<char>(*static_cast<const volatile std::byte*>(at));
}

std::string NameOf(const UringOperation& operation) {
  switch (operation.kind) {
    case UringOperation::Kind::kRead:
      return "read";
    case UringOperation::Kind::kWrite:
      return "write";
    case UringOperation::Kind::kDataSync:
      return "sync";
  }
  return "";
}

}  // namespace

ScriptedUringQueue::ScriptedUringQueue(std::shared_ptr<UringScript> script)
    : script_(std::move(script)) {
  ++script_->queues_alive;
}

ScriptedUringQueue::~ScriptedUringQueue() { --script_->queues_alive; }

UringQueueFactory ScriptedUringQueue::FactoryFor(std::shared_ptr<UringScript> script) {
  return [script] { return std::make_unique<ScriptedUringQueue>(script); };
}

void ScriptedUringQueue::Add(const UringOperation& operation, uint64_t tag) {
  queued_.push_back({.operation = operation, .completion = {.tag = tag}});
}

int ScriptedUringQueue::SubmitAndWait(unsigned) {
  if (!script_->refusals.empty()) {
    const int refusal = script_->refusals.front();
    script_->refusals.pop_front();
    if (refusal < 0) {
      if (script_->refusals_accept) {
        Accept();
      }
      return refusal;
    }
  }
  const int count = static_cast<int>(queued_.size());
  Accept();
  if (script_->reversed) {
    std::reverse(accepted_.begin(), accepted_.end());
  }
  completed_.insert(completed_.end(), accepted_.begin(), accepted_.end());
  accepted_.clear();
  return count;
}

void ScriptedUringQueue::Accept() {
  std::vector<UringOperation> in_flight;
  for (const Entry& entry : queued_) {
    in_flight.push_back(entry.operation);
    script_->events.push_back(
        absl::StrCat("submit ", NameOf(entry.operation), " ", entry.operation.length));
  }
  script_->in_flight_max = std::max(script_->in_flight_max, in_flight.size() + accepted_.size());
  if (script_->in_flight) {
    script_->in_flight(in_flight);
  }
  for (Entry& entry : queued_) {
    entry.completion.result = Do(entry.operation);
    accepted_.push_back(entry);
  }
  queued_.clear();
}

int32_t ScriptedUringQueue::Do(const UringOperation& operation) {
  int32_t answer = 0;
  if (!script_->answers.empty()) {
    answer = script_->answers.front();
    script_->answers.pop_front();
  }
  if (answer < 0) {
    return answer;
  }
  const size_t length =
      answer > 0 ? std::min(operation.length, static_cast<size_t>(answer)) : operation.length;
  const auto offset = static_cast<off_t>(operation.offset);
  ssize_t result = 0;
  switch (operation.kind) {
    case UringOperation::Kind::kRead: {
      std::string bytes(length, '\0');
      result = pread(operation.descriptor, bytes.data(), length, offset);
      for (ssize_t i = 0; i < result; ++i) {
        PutByte(operation.buffer + i, bytes[static_cast<size_t>(i)]);
      }
      break;
    }
    case UringOperation::Kind::kWrite: {
      std::string bytes(length, '\0');
      for (size_t i = 0; i < length; ++i) {
        bytes[i] = GetByte(operation.buffer + i);
      }
      result = pwrite(operation.descriptor, bytes.data(), length, offset);
      break;
    }
    case UringOperation::Kind::kDataSync:
      result = fdatasync(operation.descriptor);
      break;
  }
  return result < 0 ? -errno : static_cast<int32_t>(result);
}

size_t ScriptedUringQueue::Take(std::span<UringCompletion> out) {
  size_t count = 0;
  while (count < out.size() && !script_->strays.empty()) {
    out[count++] = script_->strays.back();
    script_->strays.pop_back();
  }
  // What was accepted by a refused call comes when it is looked for the second time.
  const bool late = completed_.empty() && std::exchange(looked_, true);
  if (late) {
    completed_.swap(accepted_);
  }
  while (count < out.size() && !completed_.empty()) {
    const Entry entry = completed_.front();
    completed_.pop_front();
    script_->events.push_back(
        absl::StrCat("complete ", NameOf(entry.operation), " ", entry.completion.result));
    out[count++] = entry.completion;
  }
  return count;
}

}  // namespace perigee::storage
