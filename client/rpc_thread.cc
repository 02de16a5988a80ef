// SPDX-License-Identifier: Apache-2.0
#include "client/rpc_thread.h"

#include <optional>
#include <utility>

#include "absl/synchronization/notification.h"
#include "client/kj_status.h"
#include "client/server_link.h"
#include "storage/foundation/status_macros.h"

namespace perigee::client {

RpcThread::RpcThread(ServerAddress address, ConnectionOptions options)
    : address_(std::move(address)), options_(std::move(options)) {}

absl::StatusOr<std::shared_ptr<RpcThread>> RpcThread::Start(ServerAddress address,
                                                            ConnectionOptions options) {
  std::shared_ptr<RpcThread> thread(new RpcThread(std::move(address), std::move(options)));
  absl::Notification ready;
  thread->thread_ = std::thread([&thread = *thread, &ready]() { thread.Run(ready); });
  ready.WaitForNotification();
  if (thread->executor_.get() == nullptr) {
    return absl::InternalError("the thread of the connection could not be started");
  }
  // Connecting has its own timeout and error; a second one here is a backstop.
  const CallOptions call = {.timeout_ms = thread->options_.connect_timeout_ms + 1'000,
                            .what = "connect"};
  PERIGEE_RETURN_IF_ERROR(thread->CallSession(
      call, [](const schema::Session::Client& /*session*/) -> kj::Promise<absl::Status> {
        return absl::OkStatus();
      }));
  return thread;
}

RpcThread::~RpcThread() {
  if (executor_.get() != nullptr) {
    kj::runCatchingExceptions([this]() { executor_->executeSync([this]() { stop_->fulfill(); }); });
  }
  thread_.join();
}

void RpcThread::Run(absl::Notification& ready) {
  bool announced = false;
  const auto failure = kj::runCatchingExceptions([this, &ready, &announced]() {
    kj::AsyncIoContext io = kj::setupAsyncIo();
    ServerLink server(io, address_, options_);
    auto stopped = kj::newPromiseAndFulfiller<void>();
    stop_ = kj::mv(stopped.fulfiller);
    link_ = &server;
    executor_ = kj::getCurrentThreadExecutor().addRef();
    announced = true;
    ready.Notify();
    stopped.promise.wait(io.waitScope);
    link_ = nullptr;
    stop_ = nullptr;
  });
  if (failure != nullptr && !announced) {
    ready.Notify();
  }
}

absl::Status RpcThread::OnThread(const std::function<kj::Promise<absl::Status>()>& work) {
  std::optional<absl::Status> status;
  const auto failure = kj::runCatchingExceptions(
      [this, &work, &status]() { status = executor_->executeSync([&work]() { return work(); }); });
  KJ_IF_MAYBE (exception, failure) {
    return StatusOfException(*exception, address_.spelling);
  }
  return *std::move(status);
}

absl::Status RpcThread::CallSession(const CallOptions& call, const SessionStep& step) {
  return OnThread([this, &call, &step]() { return link_->CallSession(call, step); });
}

absl::Status RpcThread::CallCollection(const CallOptions& call, const std::string& name,
                                       const CollectionStep& step) {
  return OnThread(
      [this, &call, &name, &step]() { return link_->CallCollection(call, name, step); });
}

void RpcThread::ForgetCollection(const std::string& name) {
  OnThread([this, &name]() -> kj::Promise<absl::Status> {
    link_->ForgetCollection(name);
    return absl::OkStatus();
  }).IgnoreError();
}

}  // namespace perigee::client
