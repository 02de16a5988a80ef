// SPDX-License-Identifier: Apache-2.0
//
// Replies of the read and write calls to and from the wire, page by page (K6).
//
// Invariants: distances and scores keep their bits; payloads stay text until ParseHit, so that the
// event loop does not parse them (K10).
// Thread-safety: functions without state; Readers and Builders belong to one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "perigee.capnp.h"
#include "perigee/model/query.h"
#include "perigee/model/write.h"

namespace perigee::wire {

using HitListReader = capnp::List<schema::Hit>::Reader;

/// A hit whose payload is still text.
struct UnparsedHit {
  ScoredPoint hit = {};  ///< without payload
  std::optional<std::string> payload_json = {};
};

/// A query's answer as it was received, with the hits of all pages.
struct UnparsedQueryResult {
  QueryResult result = {};  ///< without hits
  std::vector<UnparsedHit> hits = {};
};

/// `payload_json` is absent when the hit has no payload.
void EncodeHit(const ScoredPoint& hit, const std::optional<std::string>& payload_json,
               schema::Hit::Builder out);
/// Appends the hits of one page; more than kResultsMax in all are refused.
absl::Status DecodeHits(HitListReader in, std::vector<UnparsedHit>& hits);

/// Everything but the hits.
void EncodeQueryResult(const QueryResult& result, schema::QueryResult::Builder out);
/// With the hits of the first page.
absl::StatusOr<UnparsedQueryResult> DecodeQueryResult(schema::QueryResult::Reader in);
absl::StatusOr<QueryResult> ParseQueryResult(UnparsedQueryResult unparsed);

schema::UpsertMode EncodeMode(UpsertMode mode);
absl::StatusOr<UpsertMode> DecodeMode(schema::UpsertMode mode);

void EncodeWriteResult(const WriteResult& result, schema::WriteResult::Builder out);
absl::StatusOr<WriteResult> DecodeWriteResult(schema::WriteResult::Reader in);

void EncodeExplainResult(const ExplainResult& result, schema::ExplainResult::Builder out);
absl::StatusOr<ExplainResult> DecodeExplainResult(schema::ExplainResult::Reader in);

}  // namespace perigee::wire
