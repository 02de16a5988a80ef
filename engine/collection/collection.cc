// SPDX-License-Identifier: Apache-2.0
#include "perigee/collection.h"

#include <utility>

#include "engine/collection/collection_core.h"
#include "engine/collection/collection_handle.h"
#include "storage/foundation/status_macros.h"

namespace perigee {
namespace {

// Reading points needs kRead; raw vectors in the reply need kReadVectors besides, because an
// embedding can be turned back into its text.
absl::Status RequireRead(const engine::CollectionHandle& handle, const VectorSelector& vectors,
                         std::string_view call) {
  PERIGEE_RETURN_IF_ERROR(handle.Require(Right::kRead, call));
  if (vectors.kind != VectorSelector::Kind::kNone) {
    return handle.Require(Right::kReadVectors, call);
  }
  return absl::OkStatus();
}

}  // namespace

Collection::Collection(std::shared_ptr<engine::CollectionHandle> handle)
    : handle_(std::move(handle)) {}
Collection::~Collection() = default;
Collection::Collection(const Collection&) = default;
Collection& Collection::operator=(const Collection&) = default;
Collection::Collection(Collection&&) noexcept = default;
Collection& Collection::operator=(Collection&&) noexcept = default;

const std::string& Collection::name() const { return handle_->core().name(); }
const CollectionSchema& Collection::schema() const { return handle_->core().schema(); }

absl::StatusOr<WriteResult> Collection::Upsert(const UpsertRequest& request) {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kWrite, "upsert"));
  return handle_->core().Upsert(request);
}

absl::StatusOr<WriteResult> Collection::Delete(const DeleteRequest& request) {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kWrite, "delete"));
  return handle_->core().Delete(request);
}

absl::StatusOr<GetResult> Collection::Get(const GetRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(RequireRead(*handle_, request.with_vectors, "get"));
  return handle_->core().Get(request);
}

absl::StatusOr<QueryResult> Collection::Query(const perigee::Query& query) const {
  PERIGEE_RETURN_IF_ERROR(RequireRead(*handle_, query.with_vectors, "query"));
  return handle_->core().Query(query);
}

absl::StatusOr<std::vector<QueryResult>> Collection::QueryBatch(
    std::span<const perigee::Query> queries) const {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kRead, "query"));
  for (const perigee::Query& query : queries) {
    PERIGEE_RETURN_IF_ERROR(RequireRead(*handle_, query.with_vectors, "query"));
  }
  return handle_->core().QueryBatch(queries);
}

absl::StatusOr<CountResult> Collection::Count(const CountRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kRead, "count"));
  return handle_->core().Count(request);
}

absl::StatusOr<ScrollResult> Collection::Scroll(const ScrollRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(RequireRead(*handle_, request.with_vectors, "scroll"));
  return handle_->core().Scroll(request);
}

absl::StatusOr<ExplainResult> Collection::Explain(const perigee::Query& query) const {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kRead, "explain"));
  return handle_->core().Explain(query);
}

absl::StatusOr<CollectionDescription> Collection::Describe() const {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kRead, "describe"));
  return handle_->core().Describe();
}

absl::Status Collection::Flush() {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kAdmin, "flush"));
  return handle_->core().Flush();
}

absl::Status Collection::Optimize() {
  PERIGEE_RETURN_IF_ERROR(handle_->Require(Right::kAdmin, "optimize"));
  return handle_->core().Optimize();
}

}  // namespace perigee
