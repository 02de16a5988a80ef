// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/engine_operation.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/collection_core.h"
#include "perigee/model/point_id.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/status_macros.h"

namespace perigee::engine {
namespace {

using storage::CommitOperation;

uint64_t NextSerial() {
  static std::atomic<uint64_t> next = 1;
  return next.fetch_add(1, std::memory_order_relaxed);
}

const EngineOperation& AsEngineOperation(const CommitOperation* operation) {
  return static_cast<const EngineOperation&>(*operation);
}

// What every write checks: the collection is there, whole, and not being dropped by this group.
absl::Status ResolveWrite(const CollectionCore& collection,
                          std::span<CommitOperation* const> earlier) {
  PERIGEE_RETURN_IF_ERROR(collection.CheckWritable());
  if (!earlier.empty()) {
    const EngineOperation& first = AsEngineOperation(earlier.front());
    if (first.type() == LogRecordType::kDropCollection && first.collection().get() == &collection) {
      return absl::AbortedError("the collection is being dropped");
    }
  }
  return absl::OkStatus();
}

std::string IdText(std::string_view encoded_id) {
  const absl::StatusOr<PointId> id = PointId::Decode(encoded_id);
  return id.ok() ? id->ToString() : std::string("?");
}

}  // namespace

EngineOperation::EngineOperation(LogRecordType type, std::shared_ptr<CollectionCore> collection,
                                 std::string payload)
    : type_(type),
      serial_(NextSerial()),
      collection_(std::move(collection)),
      payload_(std::move(payload)) {}

std::span<const std::byte> EngineOperation::record_payload() const {
  return storage::AsBytes(payload_);
}

bool GroupIds::Contains(std::span<CommitOperation* const> earlier, const CollectionCore& collection,
                        std::string_view encoded_id) {
  bool same_group = serials_.size() <= earlier.size();
  for (size_t i = 0; same_group && i < serials_.size(); ++i) {
    same_group = serials_[i] == AsEngineOperation(earlier[i]).serial();
  }
  if (!same_group) {
    serials_.clear();
    ids_.clear();
  }
  for (size_t i = serials_.size(); i < earlier.size(); ++i) {
    const EngineOperation& operation = AsEngineOperation(earlier[i]);
    serials_.push_back(operation.serial());
    if (operation.collection().get() == &collection) {
      for (const std::string_view id : operation.Ids()) {
        ids_.emplace(id);
      }
    }
  }
  return ids_.contains(std::string(encoded_id));
}

UpsertOperation::UpsertOperation(std::shared_ptr<CollectionCore> collection, std::string payload,
                                 UpsertMode mode)
    : EngineOperation(LogRecordType::kUpsert, std::move(collection), std::move(payload)),
      mode_(mode) {}

absl::StatusOr<std::unique_ptr<UpsertOperation>> UpsertOperation::Make(
    std::shared_ptr<CollectionCore> collection, std::string payload, UpsertMode mode) {
  std::unique_ptr<UpsertOperation> operation(
      new UpsertOperation(std::move(collection), std::move(payload), mode));
  absl::StatusOr<UpsertRecord> record = DecodeUpsert(operation->record_payload());
  absl::Status status = record.status();
  if (status.ok()) {
    status = CheckRowsAgainstSchema(*record, operation->collection()->schema());
  }
  if (!status.ok()) {
    return absl::InternalError(
        absl::StrCat("an upsert was encoded wrongly and was not written: ", status.message()));
  }
  operation->record_ = *std::move(record);
  return operation;
}

absl::Status UpsertOperation::Resolve(std::span<CommitOperation* const> earlier_in_group) {
  PERIGEE_RETURN_IF_ERROR(ResolveWrite(*collection(), earlier_in_group));
  return mode_ == UpsertMode::kUpsert ? absl::OkStatus() : CheckExistence(earlier_in_group);
}

absl::Status UpsertOperation::CheckExistence(std::span<CommitOperation* const> earlier) const {
  if (!earlier.empty()) {
    const EngineOperation& first = AsEngineOperation(earlier.front());
    if (first.type() == LogRecordType::kAttach && first.collection() == collection()) {
      return absl::AbortedError("a bulk load is being attached");
    }
  }
  for (const RowImage& row : record_.rows) {
    if (!earlier.empty() &&
        collection()->group_ids().Contains(earlier, *collection(), row.encoded_id)) {
      return absl::AbortedError("an earlier write of the group has the same id");
    }
    const bool exists = collection()->state().Contains(row.encoded_id);
    if (exists && mode_ == UpsertMode::kInsert) {
      return absl::AlreadyExistsError(absl::StrCat(
          "point ", IdText(row.encoded_id), " exists in collection '", collection()->name(),
          "'; nothing was written. Use mode upsert or update to replace it"));
    }
    if (!exists && mode_ == UpsertMode::kUpdate) {
      return absl::NotFoundError(absl::StrCat(
          "point ", IdText(row.encoded_id), " does not exist in collection '", collection()->name(),
          "'; nothing was written. Use mode upsert or insert to create it"));
    }
  }
  return absl::OkStatus();
}

void UpsertOperation::Apply(uint64_t lsn) {
  collection()->Touch();
  collection()->state().ApplyUpsert(record_, lsn);
}

std::vector<std::string_view> UpsertOperation::Ids() const {
  std::vector<std::string_view> ids;
  ids.reserve(record_.rows.size());
  for (const RowImage& row : record_.rows) {
    ids.push_back(row.encoded_id);
  }
  return ids;
}

DeleteOperation::DeleteOperation(std::shared_ptr<CollectionCore> collection, std::string payload)
    : EngineOperation(LogRecordType::kDelete, std::move(collection), std::move(payload)) {}

absl::StatusOr<std::unique_ptr<DeleteOperation>> DeleteOperation::Make(
    std::shared_ptr<CollectionCore> collection, std::string payload) {
  std::unique_ptr<DeleteOperation> operation(
      new DeleteOperation(std::move(collection), std::move(payload)));
  absl::StatusOr<DeleteRecord> record = DecodeDelete(operation->record_payload());
  if (!record.ok()) {
    return absl::InternalError(absl::StrCat("a delete was encoded wrongly and was not written: ",
                                            record.status().message()));
  }
  operation->record_ = *std::move(record);
  return operation;
}

absl::Status DeleteOperation::Resolve(std::span<CommitOperation* const> earlier_in_group) {
  return ResolveWrite(*collection(), earlier_in_group);
}

void DeleteOperation::Apply(uint64_t lsn) {
  collection()->Touch();
  existed_ = collection()->state().ApplyDelete(record_, lsn);
}

}  // namespace perigee::engine
