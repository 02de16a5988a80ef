// SPDX-License-Identifier: Apache-2.0
//
// Collection: a handle on one collection of an open database, bound to the Access it was opened
// with.
//
//   auto docs = db->OpenCollection("docs");
//   docs->Upsert({.points = {{.id = "a", .vectors = {{"", {0.1F, 0.2F}}}, .payload = {{"lang",
//   "en"}}}}}); auto answer = docs->Query({.target = std::vector<float>{0.1F, 0.2F}, .limit = 3});
//
// Invariants:
//  1. When a write returns ok it is durable and visible; when it fails nothing of it is visible,
//  unless
//     the reason is storage_failed or unknown_outcome.
//  2. A read works on one consistent snapshot and holds no lock while it searches.
//  3. Handles stay safe after the collection was dropped or the database closed: calls then answer
//     kNotFound or kFailedPrecondition.
//
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

namespace perigee {

namespace engine {
class CollectionCore;
class CollectionHandle;
}  // namespace engine

class Collection {
 public:
  /// Made by Database::OpenCollection and Database::CreateCollection.
  explicit Collection(std::shared_ptr<engine::CollectionHandle> handle);
  ~Collection();
  Collection(const Collection&);
  Collection& operator=(const Collection&);
  Collection(Collection&&) noexcept;
  Collection& operator=(Collection&&) noexcept;

  const std::string& name() const;
  const CollectionSchema& schema() const;

  /// Writes whole points. On return they are durable and visible.
  absl::StatusOr<WriteResult> Upsert(const UpsertRequest& request);
  /// Deletes points by id; missing ids are fine.
  absl::StatusOr<WriteResult> Delete(const DeleteRequest& request);

  absl::StatusOr<GetResult> Get(const GetRequest& request) const;
  absl::StatusOr<QueryResult> Query(const perigee::Query& query) const;
  /// Up to 256 queries on one snapshot; one result each, in order. One bad query fails the call.
  absl::StatusOr<std::vector<QueryResult>> QueryBatch(
      std::span<const perigee::Query> queries) const;
  absl::StatusOr<CountResult> Count(const CountRequest& request) const;
  absl::StatusOr<ScrollResult> Scroll(const ScrollRequest& request) const;
  /// The plan of a query, without running it.
  absl::StatusOr<ExplainResult> Explain(const perigee::Query& query) const;
  absl::StatusOr<CollectionDescription> Describe() const;

  /// Seals the growing segment and waits until it is published with its indexes.
  absl::Status Flush();
  /// Flush, then compacts until no segment has dead rows and small segments are merged.
  absl::Status Optimize();

 private:
  std::shared_ptr<engine::CollectionHandle> handle_;
};

}  // namespace perigee
