// SPDX-License-Identifier: Apache-2.0
//
// SessionCapability: what an authenticated client may do with the database. It exists for one
// connection and goes with it; holding it is the proof of who asks (S1).
//
// Invariants: the database handle is bound to the session's Access and never changes.
// Thread-safety: belongs to one KJ event loop; its work runs on the dispatcher's threads.
#pragma once

#include <memory>

#include "perigee.capnp.h"
#include "perigee/database.h"
#include "server/rpc/call_service.h"

namespace perigee::server {

class SessionCapability final : public schema::Session::Server {
 public:
  /// `service` must outlive this object; `database` is bound to `access`. Snapshots go below
  /// `snapshot_directory`; empty: none are taken.
  SessionCapability(CallService& service, std::shared_ptr<Database> database, Access access,
                    std::string snapshot_directory)
      : service_(service),
        database_(std::move(database)),
        access_(std::move(access)),
        snapshot_directory_(std::move(snapshot_directory)) {}

  kj::Promise<void> whoami(WhoamiContext context) override;
  kj::Promise<void> collection(CollectionContext context) override;
  kj::Promise<void> createCollection(CreateCollectionContext context) override;
  kj::Promise<void> dropCollection(DropCollectionContext context) override;
  kj::Promise<void> collectionExists(CollectionExistsContext context) override;
  kj::Promise<void> listCollections(ListCollectionsContext context) override;
  kj::Promise<void> status(StatusContext context) override;
  kj::Promise<void> flush(FlushContext context) override;
  kj::Promise<void> createSnapshot(CreateSnapshotContext context) override;

 private:
  CallService& service_;
  const std::shared_ptr<Database> database_;
  const Access access_;
  const std::string snapshot_directory_;
};

}  // namespace perigee::server
