// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/gateway_capability.h"

#include <string>
#include <utility>

#include "client/wire/wire_status.h"
#include "perigee/version.h"
#include "server/rpc/session_capability.h"

namespace perigee::server {
namespace {

PresentedCredential Present(schema::Credential::Reader credential) {
  switch (credential.which()) {
    case schema::Credential::NONE:
      return {.kind = PresentedCredential::Kind::kNone};
    case schema::Credential::API_KEY:
      return {.kind = PresentedCredential::Kind::kApiKey};
  }
  return {.kind = PresentedCredential::Kind::kUnknown};
}

}  // namespace

kj::Promise<void> GatewayCapability::hello(HelloContext context) {
  auto results = context.getResults();
  results.setServerVersion(schema::PROTOCOL_VERSION);
  results.setServer(wire::WireText(std::string("perigeed ") + Version()));
  results.initMethods(1).set(0, "none");
  return kj::READY_NOW;
}

kj::Promise<void> GatewayCapability::authenticate(AuthenticateContext context) {
  const absl::StatusOr<Access> access = wire::Guarded([this, &context]() {
    return parts_.authenticator.Authenticate(Present(context.getParams().getCredential()), peer_);
  });
  auto result = context.getResults().initResult();
  if (!access.ok()) {
    wire::EncodeStatus(access.status(), result.initStatus());
    return kj::READY_NOW;
  }
  on_authenticated_();
  result.setSession(kj::heap<SessionCapability>(
      parts_.service, std::shared_ptr<Database>(parts_.database.WithAccess(*access)), *access,
      parts_.snapshot_directory));
  return kj::READY_NOW;
}

}  // namespace perigee::server
