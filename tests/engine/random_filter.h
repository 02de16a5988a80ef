// SPDX-License-Identifier: Apache-2.0
//
// RandomFilter: valid filters and payloads from one seed, over few keys and values so that
// conditions often hold. Trees are as parsers give them: no AND or OR of exactly one child.
//
// Invariants: the same seed gives the same row of filters and payloads.
// Thread-safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "perigee/model/filter.h"

namespace perigee::tests {

/// Date-times in order of time; neighbours that are equal moments have the same rank.
struct RankedMoment {
  const char* text;
  int rank;
};
inline constexpr RankedMoment kMoments[] = {
    {"1969-12-31T23:59:59Z", 0},      {"2023-02-28", 1},
    {"2024-02-29T11:59:59.9Z", 2},    {"2024-02-29T12:00:00Z", 3},
    {"2024-02-29T13:00:00+01:00", 3}, {"2024-02-29 12:00:00.000000001", 4},
};

class RandomFilter {
 public:
  struct Options {
    bool text_and_geo = false;                     ///< conditions that cannot be evaluated yet
    std::vector<std::string> vectors = {"", "v"};  ///< names for HAS_VECTOR
  };

  explicit RandomFilter(uint64_t seed) : random_(seed) {}
  RandomFilter(uint64_t seed, Options options) : random_(seed), options_(std::move(options)) {}

  Filter Next(size_t depth_max) {
    budget_ = 60;
    return Node(depth_max);
  }

  Payload NextPayload() {
    Payload payload;
    for (const char* key :
         {"a", "tags", "m", "items", "deep", "odd.key", "", "not", "key with 'q\""}) {
      if (Chance(60)) payload.emplace_back(key, Value(4));
    }
    return payload;
  }

  PointId Id() {
    return Chance(50) ? PointId(Below(5))
                      : PointId(Pick<std::string>({"x", "it's", "7", "\u00e9"}));
  }

  std::string Path() {
    return Pick<std::string>({"a",
                              "tags",
                              "tags[]",
                              "m.x",
                              "m.tags",
                              "items.p",
                              "items[].p",
                              "items[].tags[]",
                              "deep",
                              "deep[]",
                              "deep[][]",
                              "deep[][].x",
                              "m",
                              "\"odd.key\"",
                              "\"\"",
                              "not",
                              "\"key with 'q\"\"\"",
                              "m.2020",
                              "m.a-b",
                              "gr\u00f6\u00dfe",
                              "true[]"});
  }

  FilterValue Literal() {
    constexpr int64_t kBig = int64_t{1} << 53;
    switch (Below(4)) {
      case 0:
        return Chance(50);
      case 1:
        return Pick<FilterValue>({int64_t{0}, int64_t{1}, int64_t{-3}, kBig, kBig + 1,
                                  std::numeric_limits<int64_t>::min(),
                                  std::numeric_limits<int64_t>::max(), uint64_t{1} << 63U,
                                  std::numeric_limits<uint64_t>::max()});
      case 2:
        return Pick<FilterValue>({0.0, 1.0, -3.0, 0.5, 0x1p53, 0x1p63, 0x1p64, -0x1p63, 1e300,
                                  -1e-300, 0.1, 1e16, 123456.75});
      default:
        return Pick<FilterValue>({"", "x", "X", "it's", "1", "two\nlines \"q\" \\", "\u00e9\u4e16",
                                  kMoments[Below(std::size(kMoments))].text});
    }
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(uint64_t percent) { return Below(100) < percent; }

 private:
  template <typename T>
  T Pick(std::initializer_list<T> choices) {
    return choices.begin()[Below(choices.size())];
  }

  FilterValue Number() {
    FilterValue value = Literal();
    while (value.As<std::string>() != nullptr || value.As<bool>() != nullptr) value = Literal();
    return value;
  }

  PayloadValue Value(size_t depth) {
    const uint64_t kind = Below(10);
    if (kind == 0) return {};
    if (kind < 4 && depth > 0) {
      PayloadArray array(Below(4));
      for (PayloadValue& element : array) element = Value(depth - 1);
      return array;
    }
    if (kind < 7 && depth > 0) {
      PayloadObject object;
      for (const char* key : {"x", "p", "tags", "2020", "a-b"}) {
        if (Chance(40)) object.emplace_back(key, Value(depth - 1));
      }
      return object;
    }
    return Literal();
  }

  std::vector<Filter> Children(size_t count, size_t depth) {
    std::vector<Filter> children;
    for (size_t i = 0; i < count; ++i) children.push_back(Node(depth));
    return children;
  }

  Filter Node(size_t depth) {
    if (budget_ > 0) --budget_;
    if (depth <= 1 || budget_ == 0 || Chance(25)) return Condition();
    switch (Below(9)) {
      case 0:
        return {AndNode{}};
      case 1:
      case 2:
        return {AndNode{Children(2 + Below(3), depth - 1)}};
      case 3:
      case 4:
        return {OrNode{Children(2 + Below(3), depth - 1)}};
      case 5:
      case 6:
        return {NotNode{Children(1, depth - 1)}};
      default:
        return {MinShouldNode{Below(4), Children(1 + Below(4), depth - 1)}};
    }
  }

  template <typename Bounds, typename Make>
  void SetBounds(Bounds& bounds, const Make& make) {
    do {
      if (Chance(35)) bounds.lt = make();
      if (Chance(35)) bounds.lte = make();
      if (Chance(35)) bounds.gt = make();
      if (Chance(35)) bounds.gte = make();
    } while (!bounds.lt && !bounds.lte && !bounds.gt && !bounds.gte);
  }

  Filter Match() {
    MatchCondition match{.path = Path(), .kind = MatchCondition::Kind::kValue, .values = {}};
    size_t count = 1;
    if (Chance(60)) {
      match.kind = Chance(50) ? MatchCondition::Kind::kAny : MatchCondition::Kind::kExcept;
      count = Below(4);
    }
    for (size_t i = 0; i < count; ++i) match.values.push_back(Literal());
    return {std::move(match)};
  }

  Filter Range() {
    RangeCondition range;
    range.path = Path();
    if (Chance(30)) {
      SetBounds(range, [&] { return FilterValue(kMoments[Below(std::size(kMoments))].text); });
    } else {
      SetBounds(range, [&] { return Number(); });
    }
    return {std::move(range)};
  }

  Filter Condition() {
    switch (Below(options_.text_and_geo ? 13 : 10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Match();
      case 4:
      case 5:
        return Range();
      case 6: {
        HasIdCondition has_id;
        for (uint64_t left = Below(4); left > 0; --left) has_id.ids.push_back(Id());
        return {std::move(has_id)};
      }
      case 7:
        return Chance(50) ? Filter{IsEmptyCondition{Path()}} : Filter{IsNullCondition{Path()}};
      case 8: {
        ValuesCountCondition count;
        count.path = Path();
        SetBounds(count, [&] { return Below(4); });
        return {std::move(count)};
      }
      case 9:
        return {HasVectorCondition{options_.vectors[Below(options_.vectors.size())]}};
      case 10:
        return {TextCondition{Path(), "it's 'two' words"}};
      case 11:
        return {GeoRadiusCondition{Path(), {52.5, -13.0}, 1e3}};
      default:
        return {GeoBoxCondition{Path(), {52.5, 13.25}, {-1.0, 14.0}}};
    }
  }

  std::mt19937_64 random_;
  Options options_;
  size_t budget_ = 0;
};

}  // namespace perigee::tests
