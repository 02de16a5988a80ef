// SPDX-License-Identifier: Apache-2.0
//
// RemoteCollection: one collection of a served database, with the methods of perigee::Collection.
//
// Invariants: results that the server sends in pages are complete when a method returns; a handle
// outlives a lost connection and finds its collection again by name.
// Thread-safety: all methods may be called from every thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/model/query.h"
#include "perigee/model/status_report.h"
#include "perigee/model/write.h"

namespace perigee::client {

class RpcThread;

class RemoteCollection {
 public:
  /// Made by Connection::OpenCollection and Connection::CreateCollection.
  RemoteCollection(std::shared_ptr<RpcThread> thread, std::string name, CollectionSchema schema);

  const std::string& name() const { return name_; }
  const CollectionSchema& schema() const { return schema_; }

  absl::StatusOr<WriteResult> Upsert(const UpsertRequest& request);
  absl::StatusOr<WriteResult> Delete(const DeleteRequest& request);
  absl::StatusOr<GetResult> Get(const GetRequest& request) const;
  absl::StatusOr<QueryResult> Query(const perigee::Query& query) const;
  absl::StatusOr<std::vector<QueryResult>> QueryBatch(
      std::span<const perigee::Query> queries) const;
  absl::StatusOr<CountResult> Count(const CountRequest& request) const;
  absl::StatusOr<ScrollResult> Scroll(const ScrollRequest& request) const;
  absl::StatusOr<ExplainResult> Explain(const perigee::Query& query) const;
  absl::StatusOr<CollectionDescription> Describe() const;
  absl::Status Flush();
  absl::Status Optimize();

 private:
  std::shared_ptr<RpcThread> thread_;
  std::string name_;
  CollectionSchema schema_;
};

}  // namespace perigee::client
