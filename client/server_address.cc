// SPDX-License-Identifier: Apache-2.0
#include "client/server_address.h"

#include <sys/un.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::client {
namespace {

constexpr std::string_view kTcpPrefix = "perigee://";
constexpr std::string_view kUnixPrefix = "unix:";
// The kernel's field, less the terminating zero.
constexpr size_t kUnixPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

absl::Status Malformed(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the address '", Absl(text), "' ", Absl(what),
                                                 "; it is perigee://HOST:PORT or unix:PATH"));
}

absl::StatusOr<ServerAddress> ParseUnix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  if (path.empty()) {
    return Malformed(text, "has no path");
  }
  if (path.size() > kUnixPathBytesMax || path.find('\0') != std::string_view::npos) {
    return Malformed(text, absl::StrCat("has a path that no socket can have (at most ",
                                        kUnixPathBytesMax, " bytes)"));
  }
  return ServerAddress{.spelling = std::string(text), .unix_path = std::string(path)};
}

}  // namespace

absl::StatusOr<ServerAddress> ParseServerAddress(std::string_view text) {
  if (text.substr(0, kUnixPrefix.size()) == kUnixPrefix) {
    return ParseUnix(text);
  }
  if (text.substr(0, kTcpPrefix.size()) != kTcpPrefix) {
    return Malformed(text, "is of an unknown kind");
  }
  const std::string_view rest = text.substr(kTcpPrefix.size());
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == rest.size()) {
    return Malformed(text, "has no port");
  }
  std::string_view host = rest.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty() || (!bracketed && host.find_first_of(":/@[]") != std::string_view::npos)) {
    return Malformed(text, "has no valid host");
  }
  const std::string_view digits = rest.substr(colon + 1);
  uint32_t port = 0;
  if (digits.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(Absl(digits), &port) || port == 0 || port > 65'535) {
    return Malformed(text, "has no port from 1 to 65535");
  }
  return ServerAddress{.spelling = std::string(text),
                       .host = std::string(host),
                       .port = static_cast<uint16_t>(port)};
}

}  // namespace perigee::client
