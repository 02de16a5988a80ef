// SPDX-License-Identifier: Apache-2.0
#include "server/listen_address.h"

#include <sys/un.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::server {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr size_t kUnixPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

absl::Status Malformed(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the listen address '", Absl(text), "' ",
                                                 Absl(what), "; it is HOST:PORT or unix:PATH"));
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  if (text.substr(0, kUnixPrefix.size()) == kUnixPrefix) {
    const std::string_view path = text.substr(kUnixPrefix.size());
    if (path.empty() || path.size() > kUnixPathBytesMax ||
        path.find('\0') != std::string_view::npos) {
      return Malformed(text, absl::StrCat("has no path that a socket can have (1 to ",
                                          kUnixPathBytesMax, " bytes)"));
    }
    return ListenAddress{.spelling = std::string(text), .unix_path = std::string(path)};
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Malformed(text, "has no port");
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty() || (!bracketed && host.find_first_of(":/@[]") != std::string_view::npos)) {
    return Malformed(text, "has no valid host");
  }
  const std::string_view digits = text.substr(colon + 1);
  uint32_t port = 0;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(Absl(digits), &port) || port > 65'535) {
    return Malformed(text, "has no port from 0 to 65535");
  }
  return ListenAddress{.spelling = std::string(text),
                       .host = std::string(host),
                       .port = static_cast<uint16_t>(port)};
}

}  // namespace perigee::server
