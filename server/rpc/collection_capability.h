// SPDX-License-Identifier: Apache-2.0
//
// CollectionCapability: one collection, as a client of a session may use it.
//
// Invariants: every method runs under the session's Access, which the engine checks (S7); the
// rights of the capability are never more than the session's. Thread-safety: belongs to one KJ
// event loop; its work runs on the dispatcher's threads.
#pragma once

#include "perigee.capnp.h"
#include "perigee/collection.h"
#include "server/rpc/call_service.h"

namespace perigee::server {

class CollectionCapability final : public schema::Collection::Server {
 public:
  /// `service` must outlive this object.
  CollectionCapability(CallService& service, perigee::Collection collection)
      : service_(service), collection_(std::move(collection)) {}

  kj::Promise<void> describe(DescribeContext context) override;
  kj::Promise<void> upsert(UpsertContext context) override;
  kj::Promise<void> delete_(DeleteContext context) override;
  kj::Promise<void> get(GetContext context) override;
  kj::Promise<void> query(QueryContext context) override;
  kj::Promise<void> queryBatch(QueryBatchContext context) override;
  kj::Promise<void> count(CountContext context) override;
  kj::Promise<void> scroll(ScrollContext context) override;
  kj::Promise<void> explain(ExplainContext context) override;
  kj::Promise<void> flush(FlushContext context) override;
  kj::Promise<void> optimize(OptimizeContext context) override;

 private:
  CallService& service_;
  const perigee::Collection collection_;
};

}  // namespace perigee::server
