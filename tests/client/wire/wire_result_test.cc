// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_result.h"

#include <capnp/message.h>
#include <doctest/doctest.h>

#include "client/wire/wire_bounds.h"
#include "tests/client/wire/random_values.h"
#include "tests/support/test_seed.h"

namespace perigee::wire {
namespace {

TEST_CASE("answers survive the wire") {
  const uint64_t seed = tests::TestSeed(5);
  CAPTURE(seed);
  RandomValues random(seed);
  for (int i = 0; i < 200; ++i) {
    const QueryResult expected = random.Answer(random.Below(5));
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::QueryResult>();
    EncodeQueryResult(expected, root);
    auto hits = root.initHits(WireCount(expected.hits.size()));
    for (size_t j = 0; j < expected.hits.size(); ++j) {
      const ScoredPoint& hit = expected.hits[j];
      EncodeHit(
          hit,
          hit.payload.has_value() ? std::optional<std::string>(ToJson(*hit.payload)) : std::nullopt,
          hits[WireCount(j)]);
    }
    auto unparsed = DecodeQueryResult(root.asReader());
    REQUIRE(unparsed.ok());
    const auto decoded = ParseQueryResult(*std::move(unparsed));
    REQUIRE_MESSAGE(decoded.ok(), decoded.status().ToString());
    CHECK(decoded->hits == expected.hits);
    CHECK(decoded->exact == expected.exact);
    CHECK(decoded->recall_estimate == expected.recall_estimate);
    CHECK(decoded->plan == expected.plan);
    CHECK(decoded->filter_scanned == expected.filter_scanned);
    CHECK(decoded->usage == expected.usage);
    CHECK(decoded->coverage == expected.coverage);
    CHECK(decoded->seq == expected.seq);
    CHECK(decoded->epoch == expected.epoch);
  }
}

TEST_CASE("pages add up to no more than the largest answer") {
  capnp::MallocMessageBuilder message;
  const auto page = message.initRoot<schema::HitPages::Page>().initHits(10'000).asReader();
  std::vector<UnparsedHit> hits;
  CHECK(DecodeHits(page, hits).ok());
  CHECK(hits.size() == 10'000);
  CHECK(!DecodeHits(page, hits).ok());
}

TEST_CASE("write results and modes survive the wire") {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<schema::WriteResult>();
  EncodeWriteResult({.seq = 7, .epoch = 8, .affected = 9, .durability = "durable"}, root);
  const auto decoded = DecodeWriteResult(root.asReader());
  REQUIRE(decoded.ok());
  CHECK(decoded->seq == 7);
  CHECK(decoded->epoch == 8);
  CHECK(decoded->affected == 9);
  CHECK(decoded->durability == "durable");
  for (const UpsertMode mode : {UpsertMode::kUpsert, UpsertMode::kInsert, UpsertMode::kUpdate}) {
    CHECK(*DecodeMode(EncodeMode(mode)) == mode);
  }
  CHECK(!DecodeMode(schema::UpsertMode::INVALID).ok());
}

TEST_CASE("plans survive the wire") {
  const uint64_t seed = tests::TestSeed(6);
  CAPTURE(seed);
  RandomValues random(seed);
  for (int i = 0; i < 100; ++i) {
    const ExplainResult expected = random.Explanation();
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<schema::ExplainResult>();
    EncodeExplainResult(expected, root);
    const auto decoded = DecodeExplainResult(root.asReader());
    REQUIRE(decoded.ok());
    CHECK(decoded->using_vector == expected.using_vector);
    CHECK(decoded->metric == expected.metric);
    CHECK(decoded->filter_text == expected.filter_text);
    CHECK(decoded->filter_scanned == expected.filter_scanned);
    CHECK(decoded->seq == expected.seq);
    CHECK(decoded->epoch == expected.epoch);
    REQUIRE(decoded->segments.size() == expected.segments.size());
    for (size_t j = 0; j < expected.segments.size(); ++j) {
      CHECK(decoded->segments[j].segment == expected.segments[j].segment);
      CHECK(decoded->segments[j].rows == expected.segments[j].rows);
      CHECK(decoded->segments[j].strategy == expected.segments[j].strategy);
      CHECK(decoded->segments[j].reason == expected.segments[j].reason);
      CHECK(decoded->segments[j].selectivity == expected.segments[j].selectivity);
      CHECK(decoded->segments[j].ef == expected.segments[j].ef);
    }
  }
}

}  // namespace
}  // namespace perigee::wire
