// SPDX-License-Identifier: Apache-2.0
//
// What status and describe tell, to and from the wire.
//
// Invariants: every field of status_report.h has one on the wire.
// Thread-safety: functions without state; Readers and Builders belong to one thread at a time.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "perigee.capnp.h"
#include "perigee/model/snapshot_report.h"
#include "perigee/model/status_report.h"

namespace perigee::wire {

void EncodeDescription(const CollectionDescription& description,
                       schema::CollectionDescription::Builder out);
absl::StatusOr<CollectionDescription> DecodeDescription(schema::CollectionDescription::Reader in);

void EncodeDescriptions(const std::vector<CollectionDescription>& descriptions,
                        capnp::List<schema::CollectionDescription>::Builder out);
absl::StatusOr<std::vector<CollectionDescription>> DecodeDescriptions(
    capnp::List<schema::CollectionDescription>::Reader in);

void EncodeDatabaseStatus(const DatabaseStatus& status, schema::DatabaseStatus::Builder out);
absl::StatusOr<DatabaseStatus> DecodeDatabaseStatus(schema::DatabaseStatus::Reader in);

void EncodeSnapshotReport(const SnapshotReport& report, schema::SnapshotReport::Builder out);
absl::StatusOr<SnapshotReport> DecodeSnapshotReport(schema::SnapshotReport::Reader in);

}  // namespace perigee::wire
