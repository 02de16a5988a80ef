// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/record_replay.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"

namespace perigee::tools::inspect {

RecordReplay::RecordReplay(const ManifestState& state) : applied_lsn_(state.min_applied_lsn()) {
  for (const auto& [uuid, entry] : state.collections) {
    Collection collection;
    collection.tenant = entry.tenant;
    collection.name = entry.name;
    collection.applied_lsn = entry.applied_lsn;
    std::string fault;
    collection.schema = DecodeSchema(entry.schema, fault).value_or(Schema());
    for (const auto& [segment_uuid, segment] : entry.segments) {
      if (segment.stamped_lsn > entry.applied_lsn) {
        ++pending_[{uuid, segment.stamped_lsn}];
      }
    }
    collections_.emplace(uuid, std::move(collection));
  }
}

void RecordReplay::Take(const RawRecord& raw, FileFindings& findings) {
  const bool known = raw.type >= static_cast<uint16_t>(RecordKind::kCreateCollection) &&
                     raw.type <= static_cast<uint16_t>(RecordKind::kAttach);
  if (!known) {
    if ((raw.type & kSkippableRecord) == 0) {
      findings.Add({.severity = Severity::kUnsupported,
                    .code = "format.record",
                    .offset = raw.offset,
                    .expected = "a record of types 1 to 5",
                    .found = absl::StrCat("type ", raw.type, " at LSN ", raw.lsn)});
    }
    return;
  }
  std::string fault;
  const std::optional<LoggedRecord> record = DecodeRecord(raw.type, raw.payload, fault);
  const auto refuse = [&findings, &raw](const std::string& found) {
    findings.Add(
        {.code = "log.content",
         .offset = raw.offset,
         .expected = absl::StrCat("a valid ", RecordKindName(raw.type), " at LSN ", raw.lsn),
         .found = found});
  };
  if (!record.has_value()) {
    refuse(fault);
    return;
  }
  if (raw.lsn <= applied_lsn_) {
    return;
  }
  ++records_to_replay_;
  if (record->kind == RecordKind::kCreateCollection) {
    Create(*record, raw.lsn);
    return;
  }
  if (record->kind == RecordKind::kDropCollection) {
    Drop(record->collection);
    return;
  }
  const auto found = collections_.find(record->collection);
  if (found == collections_.end()) {
    unknown_.insert(record->collection);
    return;
  }
  if (raw.lsn <= found->second.applied_lsn) {
    return;
  }
  if (record->kind == RecordKind::kUpsert) {
    if (const auto rows = RowsFault(*record, found->second.schema); rows.has_value()) {
      refuse(*rows);
    }
  } else if (record->kind == RecordKind::kAttach) {
    Attach(*record, raw.lsn, found->second, findings);
  }
}

void RecordReplay::Create(const LoggedRecord& record, uint64_t lsn) {
  if (collections_.contains(record.collection)) {
    return;  // the manifest has it
  }
  const bool taken =
      std::any_of(collections_.begin(), collections_.end(), [&record](const auto& entry) {
        return entry.second.tenant == record.tenant && entry.second.name == record.name;
      });
  if (taken) {
    // The holder of the name came later, so this one was dropped in between.
    unknown_.insert(record.collection);
    return;
  }
  Collection collection;
  collection.tenant = record.tenant;
  collection.name = record.name;
  collection.schema = record.schema;
  collection.applied_lsn = lsn;
  collections_.emplace(record.collection, std::move(collection));
}

void RecordReplay::Drop(const Uuid& uuid) {
  unknown_.erase(uuid);
  collections_.erase(uuid);
  std::erase_if(pending_, [&uuid](const auto& entry) { return entry.first.first == uuid; });
  std::erase_if(attached_,
                [&uuid](const AttachedSegment& segment) { return segment.collection == uuid; });
}

void RecordReplay::Attach(const LoggedRecord& record, uint64_t lsn, Collection& collection,
                          FileFindings& findings) {
  const auto held = pending_.find({record.collection, lsn});
  if (held == pending_.end()) {
    for (const LoggedReceipt& receipt : record.receipts) {
      attached_.push_back({.collection = record.collection,
                           .tenant = collection.tenant,
                           .lsn = lsn,
                           .receipt = receipt,
                           .schema = collection.schema});
    }
    return;
  }
  if (held->second != record.receipts.size()) {
    findings.Add(
        {.code = "log.attach",
         .expected = absl::StrCat(record.receipts.size(), " segments attached at LSN ", lsn),
         .found = absl::StrCat(held->second, " in the manifest")});
  }
  pending_.erase(held);
}

void RecordReplay::Finish(FindingList& findings) {
  FileFindings log(findings, "wal/");
  for (const Uuid& uuid : unknown_) {
    log.Add({.code = "log.collection",
             .expected = "records of collections that exist, or that the log drops",
             .found = absl::StrCat("records of collection ", uuid.ToString())});
  }
  for (const auto& [key, count] : pending_) {
    log.Add({.code = "log.attach",
             .expected = absl::StrCat("the record of LSN ", key.second, " that attaches ", count,
                                      " segments of collection ", key.first.ToString()),
             .found = "a log that ends before"});
  }
}

}  // namespace perigee::tools::inspect
