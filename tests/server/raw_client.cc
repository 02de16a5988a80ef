// SPDX-License-Identifier: Apache-2.0
#include "tests/server/raw_client.h"

#include <array>

namespace perigee::server {

RawClient::RawClient(const std::string& socket_path) : io_(kj::setupAsyncIo()) {
  auto address =
      io_.provider->getNetwork().parseAddress(("unix:" + socket_path).c_str()).wait(io_.waitScope);
  stream_ = address->connect().wait(io_.waitScope);
}

void RawClient::Send(std::string_view bytes) {
  // A server that has already closed the connection makes this fail, which is no fault of a test.
  kj::runCatchingExceptions([this, bytes]() { Wait(stream_->write(bytes.data(), bytes.size())); });
}

bool RawClient::IsClosed() {
  bool closed = false;
  const auto failure = kj::runCatchingExceptions([this, &closed]() {
    std::array<char, 4'096> buffer = {};
    while (Wait(stream_->tryRead(buffer.data(), 1, buffer.size())) > 0) {
    }
    closed = true;
  });
  KJ_IF_MAYBE (exception, failure) {
    closed = exception->getType() == kj::Exception::Type::DISCONNECTED;
  }
  return closed;
}

schema::Gateway::Client RawClient::Gateway() {
  if (client_ == nullptr) {
    client_ = std::make_unique<capnp::TwoPartyClient>(*stream_);
  }
  return client_->bootstrap().castAs<schema::Gateway>();
}

schema::Session::Client RawClient::Session() {
  auto request = Gateway().authenticateRequest();
  request.initCredential().setNone();
  return Wait(request.send()).getResult().getSession();
}

schema::Collection::Client RawClient::Collection(const std::string& name) {
  auto request = Session().collectionRequest();
  request.setName(name.c_str());
  return Wait(request.send()).getResult().getCollection();
}

}  // namespace perigee::server
