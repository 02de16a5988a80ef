// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/rpc_server.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/call_service.h"
#include "server/rpc/peer_address.h"
#include "storage/foundation/log.h"

namespace perigee::server {
namespace {

constexpr kj::Duration kPollInterval = 5 * kj::MILLISECONDS;
constexpr kj::Duration kQuietPeriod = 50 * kj::MILLISECONDS;
// After a failed accept, such as one for want of descriptors.
constexpr kj::Duration kAcceptPause = 100 * kj::MILLISECONDS;

}  // namespace

// Everything that lives on the loop's thread.
class RpcServer::Loop final : public kj::TaskSet::ErrorHandler {
 public:
  Loop(kj::AsyncIoContext& io, const Parts& parts, std::vector<ListenSocket>& sockets,
       const ConnectionLimits& limits)
      : timer_(io.provider->getTimer()),
        sockets_(sockets),
        limits_(limits),
        service_(parts.dispatcher),
        gateway_parts_{service_, parts.authenticator, parts.database, parts.snapshot_directory},
        stop_(kj::newPromiseAndFulfiller<void>()),
        connection_tasks_(*this),
        accept_tasks_(kj::heap<kj::TaskSet>(*this)) {}

  void Listen(kj::LowLevelAsyncIoProvider& provider) {
    for (const ListenSocket& socket : sockets_) {
      receivers_.push_back(provider.wrapListenSocketFd(
          socket.fd(), kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                           kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK));
      accept_tasks_->add(Accept(*receivers_.back(), socket.is_unix()));
    }
  }

  kj::Promise<void> Stopped() { return kj::mv(stop_.promise); }
  void Stop() { stop_.fulfiller->fulfill(); }

  kj::Promise<bool> Drain(kj::Duration time) {
    accept_tasks_ = nullptr;
    receivers_.clear();
    for (ListenSocket& socket : sockets_) {
      socket.Close();
    }
    service_.BeginDrain();
    auto late = timer_.afterDelay(time).then([]() { return false; });
    // Requests that are on their way get their refusal, which tells a writer more than a lost
    // connection would.
    return Idle()
        .then([this]() { return timer_.afterDelay(kQuietPeriod); })
        .then([this]() { return Idle(); })
        .then([]() { return true; })
        .exclusiveJoin(kj::mv(late));
  }

 private:
  // Resolves when no call is open and all answers have left.
  kj::Promise<void> Idle() {
    bool idle = service_.open_calls() == 0;
    for (ClientConnection* connection : connections_) {
      idle = idle && connection->unsent_bytes() == 0;
    }
    if (idle) {
      return kj::READY_NOW;
    }
    return timer_.afterDelay(kPollInterval).then([this]() { return Idle(); });
  }

  bool HasRoom() const {
    size_t unauthenticated = 0;
    for (const ClientConnection* connection : connections_) {
      unauthenticated += connection->authenticated() ? 0 : 1;
    }
    return connections_.size() < limits_.connections_max &&
           unauthenticated < limits_.unauthenticated_max;
  }

  kj::Promise<void> Room() {
    if (HasRoom()) {
      return kj::READY_NOW;
    }
    return timer_.afterDelay(kPollInterval).then([this]() { return Room(); });
  }

  kj::Promise<void> Accept(kj::ConnectionReceiver& receiver, bool unix_socket) {
    return Room()
        .then([&receiver]() { return receiver.accept(); })
        .then(
            [this, unix_socket](kj::Own<kj::AsyncIoStream> stream) -> kj::Promise<void> {
              Add(kj::mv(stream), unix_socket);
              return kj::READY_NOW;
            },
            [this](kj::Exception&& exception) -> kj::Promise<void> {
              Log(LogLevel::kError, "rpc.accept_failed", exception.getDescription().cStr());
              return timer_.afterDelay(kAcceptPause);
            })
        .then([this, &receiver, unix_socket]() { return Accept(receiver, unix_socket); });
  }

  void Add(kj::Own<kj::AsyncIoStream> stream, bool unix_socket) {
    absl::StatusOr<Peer> peer = PeerOf(*stream, unix_socket);
    if (!peer.ok()) {
      Log(LogLevel::kWarning, "rpc.peer_refused", std::string(peer.status().message()));
      return;
    }
    auto connection = kj::heap<ClientConnection>(kj::mv(stream), *std::move(peer), timer_,
                                                 gateway_parts_, limits_);
    ClientConnection* key = connection.get();
    connections_.insert(key);
    auto ended = key->Ended();
    connection_tasks_.add(
        ended.attach(kj::mv(connection), kj::defer([this, key]() { connections_.erase(key); })));
  }

  void taskFailed(kj::Exception&& exception) override {
    Log(LogLevel::kInfo, "rpc.connection_failed", exception.getDescription().cStr());
  }

  kj::Timer& timer_;
  std::vector<ListenSocket>& sockets_;
  const ConnectionLimits& limits_;
  CallService service_;
  const GatewayCapability::Parts gateway_parts_;
  kj::PromiseFulfillerPair<void> stop_;
  std::set<ClientConnection*> connections_;
  std::vector<kj::Own<kj::ConnectionReceiver>> receivers_;
  kj::TaskSet connection_tasks_;
  kj::Own<kj::TaskSet> accept_tasks_;
};

RpcServer::RpcServer(const Parts& parts, std::vector<ListenSocket> sockets,
                     const ConnectionLimits& limits)
    : parts_(parts), sockets_(std::move(sockets)), limits_(limits) {
  for (const ListenSocket& socket : sockets_) {
    client_addresses_.push_back(socket.client_address());
  }
}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const Parts& parts,
                                                            std::vector<ListenSocket> sockets,
                                                            const ConnectionLimits& limits) {
  std::unique_ptr<RpcServer> server(new RpcServer(parts, std::move(sockets), limits));
  absl::Notification ready;
  server->thread_ = std::thread([&server = *server, &ready]() { server.Run(ready); });
  ready.WaitForNotification();
  if (server->executor_.get() == nullptr) {
    return absl::InternalError("the event loop of the server could not be started");
  }
  return server;
}

RpcServer::~RpcServer() {
  if (executor_.get() != nullptr) {
    kj::runCatchingExceptions([this]() { executor_->executeSync([this]() { loop_->Stop(); }); });
  }
  thread_.join();
}

void RpcServer::Run(absl::Notification& ready) {
  bool announced = false;
  const auto failure = kj::runCatchingExceptions([this, &ready, &announced]() {
    kj::AsyncIoContext io = kj::setupAsyncIo();
    Loop loop(io, parts_, sockets_, limits_);
    loop.Listen(*io.lowLevelProvider);
    loop_ = &loop;
    executor_ = kj::getCurrentThreadExecutor().addRef();
    announced = true;
    ready.Notify();
    loop.Stopped().wait(io.waitScope);
  });
  KJ_IF_MAYBE (exception, failure) {
    Log(LogLevel::kError, "rpc.loop_failed", exception->getDescription().cStr());
  }
  if (!announced) {
    ready.Notify();
  }
}

bool RpcServer::Drain(std::chrono::milliseconds time) {
  bool drained = false;
  const auto failure = kj::runCatchingExceptions([this, time, &drained]() {
    drained = executor_->executeSync(
        [this, time]() { return loop_->Drain(time.count() * kj::MILLISECONDS); });
  });
  KJ_IF_MAYBE (exception, failure) {
    Log(LogLevel::kError, "rpc.drain_failed", exception->getDescription().cStr());
  }
  return drained;
}

}  // namespace perigee::server
