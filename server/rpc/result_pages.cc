// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/result_pages.h"

#include <optional>
#include <utility>

#include "client/wire/wire_bounds.h"
#include "client/wire/wire_point.h"
#include "client/wire/wire_result.h"

namespace perigee::server {
namespace {

using HitList = capnp::List<schema::Hit>::Builder;

struct PointTexts {
  std::vector<std::string> payloads;
  std::vector<size_t> bytes;
};

void EncodePoints(const std::vector<Point>& points, const PointTexts& texts, size_t begin,
                  wire::PointListBuilder out) {
  for (kj::uint i = 0; i < out.size(); ++i) {
    wire::EncodePoint(points[begin + i], texts.payloads[begin + i], out[i]);
  }
}

}  // namespace

std::vector<size_t> PageEnds(const std::vector<size_t>& element_bytes, size_t first_bytes_max) {
  std::vector<size_t> ends;
  size_t i = 0;
  size_t room = first_bytes_max;
  bool must_take = false;  // every page but the first takes one element at least
  do {
    size_t taken = 0;
    while (i < element_bytes.size() && (taken + element_bytes[i] <= room || must_take)) {
      taken += element_bytes[i++];
      must_take = false;
    }
    ends.push_back(i);
    room = kPageBytes;
    must_take = true;
  } while (i < element_bytes.size());
  return ends;
}

ResultPages MakeQueryPages(const QueryResult& result, size_t first_bytes_max) {
  std::vector<std::optional<std::string>> payloads(result.hits.size());
  std::vector<size_t> bytes(result.hits.size());
  for (size_t i = 0; i < result.hits.size(); ++i) {
    const ScoredPoint& hit = result.hits[i];
    if (hit.payload.has_value()) {
      payloads[i] = ToJson(*hit.payload);
    }
    bytes[i] =
        wire::WireBytes(hit.id, hit.vectors, payloads[i].has_value() ? payloads[i]->size() : 0);
  }
  const std::vector<size_t> ends = PageEnds(bytes, first_bytes_max);
  const auto encode = [&result, &payloads](size_t begin, HitList out) {
    for (kj::uint i = 0; i < out.size(); ++i) {
      wire::EncodeHit(result.hits[begin + i], payloads[begin + i], out[i]);
    }
  };
  ResultPages pages;
  pages.first = std::make_unique<capnp::MallocMessageBuilder>();
  auto first = pages.first->initRoot<schema::QueryResult>();
  wire::EncodeQueryResult(result, first);
  encode(0, first.initHits(wire::WireCount(ends[0])));
  for (size_t i = 0; i < ends[0]; ++i) {
    pages.first_bytes += bytes[i];
  }
  for (size_t page = 1; page < ends.size(); ++page) {
    auto message = std::make_unique<capnp::MallocMessageBuilder>();
    auto root = message->initRoot<schema::HitPages::Page>();
    encode(ends[page - 1], root.initHits(wire::WireCount(ends[page] - ends[page - 1])));
    root.setLast(page + 1 == ends.size());
    pages.rest.push_back(std::move(message));
  }
  return pages;
}

ResultPages MakePointPages(const ScrollResult& result) {
  PointTexts texts;
  for (const Point& point : result.points) {
    texts.payloads.push_back(point.payload.empty() ? std::string() : ToJson(point.payload));
    texts.bytes.push_back(wire::WireBytes(point.id, point.vectors, texts.payloads.back().size()));
  }
  const std::vector<size_t> ends = PageEnds(texts.bytes, kPageBytes);
  ResultPages pages;
  pages.first = std::make_unique<capnp::MallocMessageBuilder>();
  auto first = pages.first->initRoot<schema::PointPage>();
  EncodePoints(result.points, texts, 0, first.initPoints(wire::WireCount(ends[0])));
  first.setSeq(result.seq);
  first.setEpoch(result.epoch);
  first.setNextCursor(wire::WireText(result.next_cursor));
  for (size_t page = 1; page < ends.size(); ++page) {
    auto message = std::make_unique<capnp::MallocMessageBuilder>();
    auto root = message->initRoot<schema::PointPages::Page>();
    const size_t begin = ends[page - 1];
    EncodePoints(result.points, texts, begin, root.initPoints(wire::WireCount(ends[page] - begin)));
    root.setLast(page + 1 == ends.size());
    pages.rest.push_back(std::move(message));
  }
  return pages;
}

}  // namespace perigee::server
