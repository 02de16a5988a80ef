// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/result_pages.h"

#include <doctest/doctest.h>

#include <random>

#include "client/wire/wire_point.h"
#include "client/wire/wire_result.h"
#include "tests/support/test_seed.h"

namespace perigee::server {
namespace {

TEST_CASE("page ends keep order, sizes and progress") {
  CHECK(PageEnds({}, 100) == std::vector<size_t>{0});
  CHECK(PageEnds({10, 20}, 100) == std::vector<size_t>{2});
  CHECK(PageEnds({10, 20}, 10) == std::vector<size_t>{1, 2});
  CHECK(PageEnds({10, 20}, 0) == std::vector<size_t>{0, 2});
  const size_t huge = 5 * kPageBytes;
  CHECK(PageEnds({huge, huge, 1}, kPageBytes) == std::vector<size_t>{0, 1, 2, 3});
}

TEST_CASE("random page ends cover everything within the sizes") {
  const uint64_t seed = tests::TestSeed(21);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<size_t> bytes(random() % 50);
    for (size_t& size : bytes) {
      size = random() % (kPageBytes / 4 + (random() % 10 == 0 ? 2 * kPageBytes : 0));
    }
    const std::vector<size_t> ends = PageEnds(bytes, kPageBytes);
    CHECK(ends.back() == bytes.size());
    for (size_t page = 1; page < ends.size(); ++page) {
      REQUIRE(ends[page] > ends[page - 1]);
      size_t sum = 0;
      for (size_t i = ends[page - 1]; i < ends[page]; ++i) {
        sum += bytes[i];
      }
      CHECK((sum <= kPageBytes || ends[page] == ends[page - 1] + 1));
    }
  }
}

QueryResult Large(size_t hits) {
  QueryResult result;
  for (size_t i = 0; i < hits; ++i) {
    ScoredPoint hit;
    hit.id = uint64_t{i};
    hit.payload = Payload{{"text", PayloadValue(std::string(1'000, 'x'))}};
    result.hits.push_back(std::move(hit));
  }
  result.plan = "plan";
  result.seq = 9;
  return result;
}

TEST_CASE("the pages of a query hold all hits in order") {
  const ResultPages pages = MakeQueryPages(Large(5'000));
  auto unparsed = wire::DecodeQueryResult(pages.first->getRoot<schema::QueryResult>().asReader());
  REQUIRE(unparsed.ok());
  CHECK(pages.rest.size() >= 4);
  for (size_t i = 0; i < pages.rest.size(); ++i) {
    const auto page = pages.rest[i]->getRoot<schema::HitPages::Page>().asReader();
    CHECK(page.totalSize().wordCount * 8 < 2 * kPageBytes);
    CHECK(page.getLast() == (i + 1 == pages.rest.size()));
    REQUIRE(wire::DecodeHits(page.getHits(), unparsed->hits).ok());
  }
  const auto result = wire::ParseQueryResult(*std::move(unparsed));
  REQUIRE(result.ok());
  CHECK(result->hits == Large(5'000).hits);
  CHECK(result->plan == "plan");
  CHECK(result->seq == 9);
}

TEST_CASE("a small answer is one page") {
  CHECK(MakeQueryPages(Large(3)).rest.empty());
  CHECK(MakeQueryPages({}).rest.empty());
  CHECK(MakeQueryPages(Large(3), 0).rest.size() == 1);
}

TEST_CASE("the pages of a scroll hold all points in order") {
  ScrollResult expected;
  for (uint64_t i = 0; i < 3'000; ++i) {
    Point point;
    point.id = i;
    point.payload = {{"text", PayloadValue(std::string(1'000, 'y'))}};
    expected.points.push_back(std::move(point));
  }
  expected.next_cursor = "cursor";
  expected.seq = 3;
  const ResultPages pages = MakePointPages(expected);
  const auto first = pages.first->getRoot<schema::PointPage>().asReader();
  CHECK(std::string(first.getNextCursor().cStr()) == "cursor");
  CHECK(first.getSeq() == 3);
  auto points = *wire::DecodePoints(first.getPoints(), 5'000);
  for (const OwnedMessage& message : pages.rest) {
    const auto page = message->getRoot<schema::PointPages::Page>().asReader();
    auto more = *wire::DecodePoints(page.getPoints(), 5'000);
    std::move(more.begin(), more.end(), std::back_inserter(points));
  }
  CHECK(*wire::ParsePoints(std::move(points)) == expected.points);
}

}  // namespace
}  // namespace perigee::server
