// SPDX-License-Identifier: Apache-2.0
//
// RandomValues: arbitrary valid values of the model from one seed, for round trips over the wire.
//
// Invariants: the same seed gives the same values; every alternative of every variant occurs.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "perigee/model/query.h"
#include "perigee/model/status_report.h"
#include "perigee/model/write.h"

namespace perigee::wire {

class RandomValues {
 public:
  explicit RandomValues(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Coin() { return Below(2) == 0; }
  /// Any 64 bits, small numbers often.
  uint64_t Number() { return Coin() ? Below(100) : random_(); }

  std::string Text();
  std::string Name();
  std::vector<float> Floats();
  PointId Id();
  NamedVectors Vectors();
  Payload AnyPayload(int depth = 0);
  Point AnyPoint();
  FilterValue Literal();
  Filter AnyFilter(int depth = 0);
  PayloadSelector AnyPayloadSelector();
  VectorSelector AnyVectorSelector();
  Query AnyQuery();
  ScoredPoint Hit();
  QueryResult Answer(size_t hits);
  ExplainResult Explanation();
  CollectionSchema Schema();
  CollectionDescription Description();
  DatabaseStatus Status();

 private:
  PayloadValue Value(int depth);
  template <typename Maybe, typename Make>
  Maybe Optional(Make make) {
    return Coin() ? Maybe(make()) : Maybe();
  }

  std::mt19937_64 random_;
};

}  // namespace perigee::wire
