// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/peer_address.h"
#include "storage/foundation/status_macros.h"

namespace perigee::server {
namespace {

constexpr int kBacklog = 512;

// Closes a descriptor unless it was released.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status SystemError(const ListenAddress& address, const char* step, int error) {
  const std::string message =
      absl::StrCat("cannot listen on ", address.spelling, ": ", step, ": ", strerror(error));
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(absl::StrCat(
        message, "; another process listens there: stop it or choose another address"));
  }
  return absl::UnavailableError(message);
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes the file of a server that is gone; leaves everything else alone.
absl::Status RemoveStaleFile(const ListenAddress& address) {
  struct stat file = {};
  if (lstat(address.unix_path.c_str(), &file) != 0) {
    return absl::OkStatus();
  }
  if (!S_ISSOCK(file.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat("cannot listen on ", address.spelling,
                                                 ": the file exists and is no socket; choose "
                                                 "another path"));
  }
  const OwnedFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un target = UnixAddress(address.unix_path);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&target), sizeof(target)) == 0 ||
      errno != ECONNREFUSED) {
    return SystemError(address, "bind", EADDRINUSE);
  }
  if (unlink(address.unix_path.c_str()) != 0 && errno != ENOENT) {
    return SystemError(address, "remove the socket that a dead server left", errno);
  }
  return absl::OkStatus();
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

absl::StatusOr<AddressList> Resolve(const ListenAddress& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot resolve the listen address '",
                                                   address.spelling, "': ", gai_strerror(error)));
  }
  return AddressList(found, &freeaddrinfo);
}

std::string BoundAddress(int fd) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return "unknown";
  }
  return AddressText(reinterpret_cast<const sockaddr*>(&storage));
}

}  // namespace

ListenSocket::ListenSocket(int fd, std::string client_address, std::string unix_path)
    : fd_(fd), client_address_(std::move(client_address)), unix_path_(std::move(unix_path)) {}

ListenSocket::~ListenSocket() { Close(); }

void ListenSocket::Close() {
  if (fd_ < 0) {
    return;
  }
  if (!unix_path_.empty()) {
    unlink(unix_path_.c_str());
  }
  close(std::exchange(fd_, -1));
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      client_address_(std::move(other.client_address_)),
      unix_path_(std::move(other.unix_path_)) {}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(client_address_, other.client_address_);
  std::swap(unix_path_, other.unix_path_);
  return *this;
}

absl::StatusOr<ListenSocket> ListenSocket::Open(const ListenAddress& address,
                                                const Options& options) {
  if (!address.unix_path.empty()) {
    PERIGEE_RETURN_IF_ERROR(RemoveStaleFile(address));
    OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un target = UnixAddress(address.unix_path);
    // Before bind, so that the file never has wider rights.
    if (fd.get() < 0 || fchmod(fd.get(), 0600) != 0) {
      return SystemError(address, "socket", errno);
    }
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&target), sizeof(target)) != 0) {
      return SystemError(address, "bind", errno);
    }
    if (listen(fd.get(), kBacklog) != 0) {
      return SystemError(address, "listen", errno);
    }
    return ListenSocket(fd.Release(), absl::StrCat("unix:", address.unix_path), address.unix_path);
  }
  PERIGEE_ASSIGN_OR_RETURN(const AddressList found, Resolve(address));
  if (!options.allow_remote && !IsLoopback(found->ai_addr)) {
    return absl::PermissionDeniedError(absl::StrCat(
        "refusing to listen on ", address.spelling,
        ": it is reachable from other machines, and this version has no encryption and no keys; "
        "listen on 127.0.0.1 or unix:PATH, or say --insecure"));
  }
  OwnedFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (fd.get() < 0 || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
    return SystemError(address, "socket", errno);
  }
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0) {
    return SystemError(address, "bind", errno);
  }
  if (listen(fd.get(), kBacklog) != 0) {
    return SystemError(address, "listen", errno);
  }
  const std::string client_address = absl::StrCat("perigee://", BoundAddress(fd.get()));
  return ListenSocket(fd.Release(), client_address, "");
}

}  // namespace perigee::server
