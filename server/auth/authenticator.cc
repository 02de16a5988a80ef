// SPDX-License-Identifier: Apache-2.0
#include "server/auth/authenticator.h"

#include "absl/strings/str_cat.h"
#include "storage/foundation/log.h"

namespace perigee::server {
namespace {

constexpr uint32_t Bits(Right right) { return static_cast<uint32_t>(right); }

constexpr uint32_t kEverything = Bits(Right::kRead) | Bits(Right::kReadVectors) |
                                 Bits(Right::kWrite) | Bits(Right::kAdmin) | Bits(Right::kStatus);

}  // namespace

absl::StatusOr<Access> Authenticator::Authenticate(const PresentedCredential& credential,
                                                   const Peer& peer) const {
  const bool near = peer.kind != Peer::Kind::kRemote || options_.accept_remote_without_key;
  if (credential.kind == PresentedCredential::Kind::kNone && near) {
    return Access(Access::Passkey(), peer.name, kEverything);
  }
  Log(LogLevel::kWarning, "auth.refused", absl::StrCat("refused the credential of ", peer.name));
  return absl::UnauthenticatedError("the credential is refused");
}

}  // namespace perigee::server
