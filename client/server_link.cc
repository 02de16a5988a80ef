// SPDX-License-Identifier: Apache-2.0
#include "client/server_link.h"

#include <capnp/rpc-twoparty.h>
#include <sys/socket.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/kj_status.h"
#include "client/wire/guarded_message_stream.h"
#include "client/wire/wire_bounds.h"
#include "client/wire/wire_status.h"
#include "storage/foundation/error_reason.h"

namespace perigee::client {
namespace {

// Answers are paged; the traversal limit counts every visit, so it is twice the largest message.
capnp::ReaderOptions ReplyOptions() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 2 * (wire::kAuthenticatedLimits.message_bytes_max / 8);
  options.nestingLimit = 64;
  return options;
}

wire::GuardedMessageStream::Options GuardOptions() {
  wire::GuardedMessageStream::Options options;
  options.message_timeout = 60 * kj::SECONDS;
  return options;
}

capnp::rpc::twoparty::VatId::Reader ServerVatId(capnp::MallocMessageBuilder& message) {
  auto id = message.initRoot<capnp::rpc::twoparty::VatId>();
  id.setSide(capnp::rpc::twoparty::Side::SERVER);
  return id.asReader();
}

}  // namespace

// One connection and everything obtained from it. Calls hold references, so that it outlives them.
class ServerLink::Connected final : public kj::Refcounted {
 public:
  Connected(kj::Own<kj::AsyncIoStream> stream, kj::Timer& timer)
      : stream_(kj::mv(stream)),
        guard_(*stream_, timer, GuardOptions()),
        network_(guard_, capnp::rpc::twoparty::Side::CLIENT, ReplyOptions()),
        rpc_(capnp::makeRpcClient(network_)),
        gateway(rpc_.bootstrap(ServerVatId(vat_id_)).castAs<schema::Gateway>()),
        gone_(network_.onDisconnect()
                  .then([this]() { lost = true; })
                  .eagerlyEvaluate([this](kj::Exception&& /*exception*/) { lost = true; })) {}

  // Asks the kernel, since the loop may not have come to the end of the stream yet: a write that
  // were sent now would be lost and nobody could say so.
  bool usable() {
    if (lost) {
      return false;
    }
    KJ_IF_MAYBE (fd, stream_->getFd()) {
      char byte = 0;
      lost = recv(*fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    }
    return !lost;
  }

 private:
  capnp::MallocMessageBuilder vat_id_;
  kj::Own<kj::AsyncIoStream> stream_;
  wire::GuardedMessageStream guard_;
  capnp::TwoPartyVatNetwork network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;

 public:
  schema::Gateway::Client gateway;
  kj::Maybe<schema::Session::Client> session;
  std::map<std::string, schema::Collection::Client> collections;
  bool lost = false;

 private:
  kj::Promise<void> gone_;
};

struct ServerLink::Attempt {
  const RpcThread::CallOptions* call = nullptr;
  AttemptStep step;
  kj::Own<Connected> connected;
  int number = 1;
  bool sent = false;
};

ServerLink::ServerLink(kj::AsyncIoContext& io, const ServerAddress& address,
                       const ConnectionOptions& options)
    : io_(io), address_(address), options_(options) {}

ServerLink::~ServerLink() = default;

std::string ServerLink::Context(const char* what) const {
  return absl::StrCat(address_.spelling, ": ", what);
}

kj::Promise<absl::Status> ServerLink::CallSession(const RpcThread::CallOptions& call,
                                                  const RpcThread::SessionStep& step) {
  return Call(call, [&step](Attempt& attempt) {
    attempt.sent = true;
    return step(KJ_ASSERT_NONNULL(attempt.connected->session));
  });
}

kj::Promise<absl::Status> ServerLink::CallCollection(const RpcThread::CallOptions& call,
                                                     const std::string& name,
                                                     const RpcThread::CollectionStep& step) {
  return Call(call, [&name, &step](Attempt& attempt) -> kj::Promise<absl::Status> {
    const auto known = attempt.connected->collections.find(name);
    if (known != attempt.connected->collections.end()) {
      attempt.sent = true;
      return step(known->second);
    }
    auto request = KJ_ASSERT_NONNULL(attempt.connected->session).collectionRequest();
    request.setName(wire::WireText(name));
    return request.send().then(
        [&attempt, &name, &step](auto&& response) -> kj::Promise<absl::Status> {
          const auto result = response.getResult();
          if (!result.isCollection()) {
            return wire::DecodeStatus(result.getStatus());
          }
          schema::Collection::Client collection = result.getCollection();
          attempt.connected->collections.insert_or_assign(name, collection);
          attempt.sent = true;
          return step(collection);
        });
  });
}

void ServerLink::ForgetCollection(const std::string& name) {
  if (connected_.get() != nullptr) {
    connected_->collections.erase(name);
  }
}

kj::Promise<absl::Status> ServerLink::Call(const RpcThread::CallOptions& call, AttemptStep step) {
  auto attempt = kj::heap<Attempt>();
  attempt->call = &call;
  attempt->step = std::move(step);
  auto late = io_.provider->getTimer()
                  .afterDelay(call.timeout_ms * kj::MILLISECONDS)
                  .then([this, &call]() -> absl::Status {
                    return absl::DeadlineExceededError(absl::StrCat(
                        Context(call.what), ": no answer within ", call.timeout_ms, " ms",
                        call.kind == RpcThread::CallKind::kWrite
                            ? "; the write may have happened: repeat it, or look"
                            : ""));
                  });
  return Try(kj::mv(attempt)).exclusiveJoin(kj::mv(late));
}

kj::Promise<absl::Status> ServerLink::Try(kj::Own<Attempt> attempt) {
  Attempt& current = *attempt;
  auto run =
      EnsureConnected().then([this, &current](absl::Status status) -> kj::Promise<absl::Status> {
        if (!status.ok()) {
          return status;
        }
        current.connected = kj::addRef(*connected_);
        return current.step(current);
      });
  return run.catch_([this, attempt = kj::mv(attempt)](
                        kj::Exception&& exception) mutable -> kj::Promise<absl::Status> {
    const bool lost = exception.getType() == kj::Exception::Type::DISCONNECTED;
    if (lost && attempt->connected.get() != nullptr) {
      attempt->connected->lost = true;
    }
    if (attempt->call->kind == RpcThread::CallKind::kWrite) {
      return StatusOfLostWrite(exception, Context(attempt->call->what), attempt->sent);
    }
    if (lost && attempt->number == 1) {
      attempt->number = 2;
      return Try(kj::mv(attempt));
    }
    return StatusOfException(exception, Context(attempt->call->what));
  });
}

kj::Promise<absl::Status> ServerLink::EnsureConnected() {
  if (connected_.get() != nullptr && connected_->usable()) {
    return absl::OkStatus();
  }
  if (!connecting_now_) {
    connecting_now_ = true;
    // Not cleared when it is done: a promise cannot destroy itself. The next attempt replaces it.
    connecting_ = Connect()
                      .then([this](absl::Status status) {
                        connecting_now_ = false;
                        return status;
                      })
                      .fork();
  }
  return KJ_ASSERT_NONNULL(connecting_).addBranch();
}

kj::Promise<absl::Status> ServerLink::Connect() {
  connect_step_ = "resolve the address";
  kj::Network& network = io_.provider->getNetwork();
  kj::Timer& timer = io_.provider->getTimer();
  auto resolved = kj::evalNow([this, &network]() {
    return address_.unix_path.empty()
               ? network.parseAddress(address_.host.c_str(), address_.port)
               : network.parseAddress(absl::StrCat("unix:", address_.unix_path).c_str());
  });
  auto greeted = resolved
                     .then([this](kj::Own<kj::NetworkAddress> target) {
                       connect_step_ = "connect";
                       auto connecting = target->connect();
                       return connecting.attach(kj::mv(target));
                     })
                     .then([this, &timer](kj::Own<kj::AsyncIoStream> stream) {
                       return Greet(kj::refcounted<Connected>(kj::mv(stream), timer));
                     })
                     .catch_([this](kj::Exception&& exception) -> absl::Status {
                       return absl::UnavailableError(absl::StrCat(
                           address_.spelling, ": cannot ", connect_step_, ": ",
                           exception.getDescription().cStr(), "; is perigeed running there?"));
                     });
  auto late = timer.afterDelay(options_.connect_timeout_ms * kj::MILLISECONDS)
                  .then([this]() -> absl::Status {
                    return absl::UnavailableError(absl::StrCat(address_.spelling, ": cannot ",
                                                               connect_step_, " within ",
                                                               options_.connect_timeout_ms, " ms"));
                  });
  return greeted.exclusiveJoin(kj::mv(late));
}

kj::Promise<absl::Status> ServerLink::Greet(kj::Own<Connected> connected) {
  connect_step_ = "greet the server";
  auto request = connected->gateway.helloRequest();
  request.setClientVersion(schema::PROTOCOL_VERSION);
  return request.send().then(
      [this, connected = kj::mv(connected)](auto&& response) mutable -> kj::Promise<absl::Status> {
        if (response.getServerVersion() < schema::PROTOCOL_VERSION) {
          return absl::FailedPreconditionError(absl::StrCat(
              address_.spelling, ": the server speaks version ", response.getServerVersion(),
              " of the protocol, this client ", static_cast<uint32_t>(schema::PROTOCOL_VERSION),
              "; upgrade the server"));
        }
        return Authenticate(kj::mv(connected));
      });
}

kj::Promise<absl::Status> ServerLink::Authenticate(kj::Own<Connected> connected) {
  connect_step_ = "authenticate";
  auto request = connected->gateway.authenticateRequest();
  if (options_.api_key.empty()) {
    request.initCredential().setNone();
  } else {
    request.initCredential().setApiKey(wire::WireText(options_.api_key));
  }
  return request.send().then(
      [this, connected = kj::mv(connected)](auto&& response) mutable -> absl::Status {
        const auto result = response.getResult();
        if (!result.isSession()) {
          return WithContext(wire::DecodeStatus(result.getStatus()),
                             absl::StrCat(address_.spelling, ": cannot authenticate"));
        }
        connected->session = result.getSession();
        connected_ = kj::mv(connected);
        return absl::OkStatus();
      });
}

}  // namespace perigee::client
