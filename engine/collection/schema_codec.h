// SPDX-License-Identifier: Apache-2.0
//
// CollectionSchema as bytes, the form in which the log's create record and the manifest hold it.
// docs/formats/log_records_format.md defines the bytes.
//
// Invariants: Decode(Encode(schema)) == schema for every valid schema; bytes that decode but break
// the schema's own rules are refused, so a decoded schema is always valid.
// Thread-safety: functions without state.
#pragma once

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "perigee/model/collection_schema.h"

namespace perigee::engine {

/// Requires: Validate(schema) is ok.
std::string EncodeSchema(const CollectionSchema& schema);
/// kDataLoss for damaged bytes, kUnimplemented for a layout of a later version.
absl::StatusOr<CollectionSchema> DecodeSchema(std::span<const std::byte> bytes);

}  // namespace perigee::engine
