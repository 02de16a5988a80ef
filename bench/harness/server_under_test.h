// SPDX-License-Identifier: Apache-2.0
//
// ServerUnderTest: perigeed as a child process on one directory, ended with the object.
//
// Invariants: the address is on loopback; Stop waits for a clean end, after which the directory is
// closed.
// Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "perigee/client/connection.h"

namespace perigee::bench {

class ServerUnderTest {
 public:
  /// Starts `program` on `directory`; `address` as clients spell it: unix:PATH or
  /// perigee://HOST:PORT.
  ServerUnderTest(const std::string& program, const std::string& directory,
                  const std::string& address);
  ~ServerUnderTest() { Stop(); }
  ServerUnderTest(const ServerUnderTest&) = delete;
  ServerUnderTest& operator=(const ServerUnderTest&) = delete;

  void Stop();

 private:
  int pid_ = -1;
};

/// "perigee://127.0.0.1:PORT" with a port that was free a moment ago.
absl::StatusOr<std::string> FreeLoopbackAddress();

/// Connects, waiting for the server to come up for half a minute at most.
absl::StatusOr<std::unique_ptr<client::Connection>> ConnectSoon(const std::string& address);

}  // namespace perigee::bench
