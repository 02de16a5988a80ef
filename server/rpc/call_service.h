// SPDX-License-Identifier: Apache-2.0
//
// CallService: what every method of a capability does around its own three lines: refuse while the
// server drains, convert the request inside a guard, run it on its lane, send the answer.
//
// Invariants:
//  1. A request is converted once, on the event loop, before anything else happens; a malformed one
//     is answered kInvalidArgument (K8).
//  2. open_calls() counts the calls that have been received and not answered.
// Thread-safety: belongs to one KJ event loop.
#pragma once

#include <capnp/capability.h>
#include <kj/async.h>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "client/wire/wire_bounds.h"
#include "server/rpc/offload.h"
#include "server/service/request_dispatcher.h"

namespace perigee::server {

class CallService {
 public:
  explicit CallService(RequestDispatcher& dispatcher) : dispatcher_(dispatcher) {}
  CallService(const CallService&) = delete;
  CallService& operator=(const CallService&) = delete;

  /// From now on new calls are answered kUnavailable.
  void BeginDrain() { draining_ = true; }
  size_t open_calls() const { return *open_calls_; }

  /// `decode`: () -> StatusOr<Request>, on the event loop. `work`: Request -> StatusOr<Result>, on
  /// a thread of `lane`. `answer`: (StatusOr<Result>) -> void, on the event loop, writes the reply.
  template <typename Context, typename Decode, typename Work, typename Answer>
  kj::Promise<void> Serve(Context context, Lane lane, Decode decode, Work work, Answer answer) {
    using Request = typename std::invoke_result_t<Decode>::value_type;
    using Result = typename std::invoke_result_t<Work, Request>::value_type;
    if (lane == Lane::kRead) {
      context.allowCancellation();
    }
    if (draining_) {
      answer(absl::StatusOr<Result>(
          absl::UnavailableError("the server is shutting down and did not begin this request")));
      return kj::READY_NOW;
    }
    uint64_t bytes = 0;
    absl::StatusOr<Request> request = wire::Guarded([&]() {
      bytes = context.getParams().totalSize().wordCount * sizeof(capnp::word);
      return decode();
    });
    context.releaseParams();
    if (!request.ok()) {
      answer(absl::StatusOr<Result>(request.status()));
      return kj::READY_NOW;
    }
    return Offload<Result>(dispatcher_, {.lane = lane, .bytes = bytes},
                           [request = *std::move(request), work = std::move(work)]() mutable
                           -> absl::StatusOr<Result> { return work(std::move(request)); })
        .then([answer = std::move(answer)](absl::StatusOr<Result>&& result) mutable {
          answer(std::move(result));
        })
        .attach(kj::heap<OpenCall>(open_calls_));
  }

 private:
  class OpenCall {
   public:
    explicit OpenCall(std::shared_ptr<size_t> count) : count_(std::move(count)) { ++*count_; }
    ~OpenCall() { --*count_; }
    OpenCall(const OpenCall&) = delete;
    OpenCall& operator=(const OpenCall&) = delete;

   private:
    std::shared_ptr<size_t> count_;
  };

  RequestDispatcher& dispatcher_;
  bool draining_ = false;
  // Shared, because calls that a killed loop leaves behind end with the event loop, after this.
  std::shared_ptr<size_t> open_calls_ = std::make_shared<size_t>(0);
};

/// What a method without a request decodes to, and one without a result answers.
struct Nothing {};

}  // namespace perigee::server
