// SPDX-License-Identifier: Apache-2.0
//
// Connection: a database served by perigeed, over TCP or a Unix socket. The same words as
// perigee::Database, so that a program moves from embedded to server by changing the line that
// opens.
//
//   auto db = perigee::client::Connection::Open("perigee://127.0.0.1:7474", {});
//   auto docs = (*db)->OpenCollection("docs");
//
// Invariants:
//  1. One connection, one thread of its own that talks to the server; no type of the RPC library
//  shows.
//  2. A call either returns the server's answer or an error: kUnavailable when the connection
//  failed
//     (reason unknown_outcome for a write that may have happened), kDeadlineExceeded, or the
//     server's own status with its reason.
//  3. Large writes are not split: a batch is atomic, so one that exceeds the limit is refused.
//  4. A connection that was lost is made again by the next call (reads are retried once, writes
//  never).
//
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/client/remote_collection.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/snapshot_report.h"
#include "perigee/model/status_report.h"

namespace perigee::client {

class RpcThread;

struct ConnectionOptions {
  /// Time for connecting and authenticating.
  uint32_t connect_timeout_ms = 5'000;
  /// Time for a call that has no timeout of its own.
  uint32_t call_timeout_ms = 60'000;
  /// API key; empty: none, which loopback and Unix sockets accept.
  std::string api_key = {};
};

class Connection {
 public:
  /// `address`: "perigee://HOST:PORT" or "unix:PATH". kInvalidArgument for other spellings;
  /// kUnavailable naming the address and the step that failed.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(std::string_view address,
                                                          const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::StatusOr<RemoteCollection> CreateCollection(std::string_view name,
                                                    const CollectionSchema& schema);
  absl::StatusOr<RemoteCollection> OpenCollection(std::string_view name) const;
  absl::Status DropCollection(std::string_view name);
  absl::StatusOr<bool> CollectionExists(std::string_view name) const;
  absl::StatusOr<std::vector<CollectionDescription>> ListCollections() const;
  absl::StatusOr<DatabaseStatus> Status() const;
  absl::Status Flush();
  /// Takes a snapshot under `name` in the directory that the server's operator chose with
  /// --snapshot-dir; kFailedPrecondition when there is none. Takes as long as it takes.
  absl::StatusOr<SnapshotReport> CreateSnapshot(std::string_view name);

 private:
  explicit Connection(std::shared_ptr<RpcThread> thread);
  std::shared_ptr<RpcThread> thread_;
};

}  // namespace perigee::client
