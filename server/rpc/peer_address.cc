// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/peer_address.h"

#include <arpa/inet.h>
#include <kj/exception.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_bounds.h"

namespace perigee::server {
namespace {

const in_addr* MappedIpv4(const in6_addr& address) {
  return IN6_IS_ADDR_V4MAPPED(&address) ? reinterpret_cast<const in_addr*>(&address.s6_addr[12])
                                        : nullptr;
}

bool IsLoopback(const in_addr& address) { return (ntohl(address.s_addr) >> 24U) == 127; }

}  // namespace

bool IsLoopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return IsLoopback(reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
  }
  if (address->sa_family == AF_INET6) {
    const in6_addr& ip = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    const in_addr* mapped = MappedIpv4(ip);
    return mapped != nullptr ? IsLoopback(*mapped) : IN6_IS_ADDR_LOOPBACK(&ip);
  }
  return false;
}

std::string AddressText(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  if (address->sa_family == AF_INET) {
    const auto* ip = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &ip->sin_addr, text.data(), text.size());
    return absl::StrCat(text.data(), ":", ntohs(ip->sin_port));
  }
  if (address->sa_family == AF_INET6) {
    const auto* ip = reinterpret_cast<const sockaddr_in6*>(address);
    inet_ntop(AF_INET6, &ip->sin6_addr, text.data(), text.size());
    return absl::StrCat("[", text.data(), "]:", ntohs(ip->sin6_port));
  }
  return "unknown address";
}

absl::StatusOr<Peer> PeerOf(kj::AsyncIoStream& stream, bool unix_socket) {
  return wire::Guarded([&stream, unix_socket]() -> absl::StatusOr<Peer> {
    if (unix_socket) {
      ucred credentials = {};
      kj::uint length = sizeof(credentials);
      stream.getsockopt(SOL_SOCKET, SO_PEERCRED, &credentials, &length);
      if (credentials.uid != geteuid() && credentials.uid != 0) {
        return absl::PermissionDeniedError(
            absl::StrCat("the peer has uid ", credentials.uid, ", not the server's"));
      }
      return Peer{.kind = Peer::Kind::kUnixSocket, .name = absl::StrCat("uid ", credentials.uid)};
    }
    sockaddr_storage storage = {};
    kj::uint length = sizeof(storage);
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    stream.getpeername(address, &length);
    return Peer{.kind = IsLoopback(address) ? Peer::Kind::kLoopback : Peer::Kind::kRemote,
                .name = AddressText(address)};
  });
}

}  // namespace perigee::server
