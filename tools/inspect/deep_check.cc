// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/deep_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <queue>
#include <random>
#include <set>
#include <utility>

#include "tools/inspect/byte_view.h"

namespace perigee::tools::inspect {
namespace {

constexpr size_t kNeighbours = 10;
constexpr size_t kEf = 128;
constexpr uint64_t kSampleSeed = 20240607;

using Hit = std::pair<double, uint32_t>;

class Sampler {
 public:
  Sampler(const Graph& graph, std::string_view vectors, const VectorSchema& schema)
      : graph_(graph), vectors_(vectors), schema_(schema) {}

  std::vector<float> VectorOf(uint32_t row) const {
    const uint64_t bytes = schema_.bytes();
    return DecodeVector(vectors_.substr(row * bytes, bytes), schema_.element);
  }

  // The nearest rows other than `self`, by looking at all of them.
  std::set<uint32_t> Exact(const std::vector<float>& query, uint32_t self,
                           const std::vector<uint32_t>& rows) const {
    std::vector<Hit> hits;
    hits.reserve(rows.size());
    for (const uint32_t row : rows) {
      if (row != self) {
        hits.emplace_back(Distance(query, row), row);
      }
    }
    return Nearest(std::move(hits));
  }

  std::set<uint32_t> ByGraph(const std::vector<float>& query, uint32_t self) const {
    std::vector<bool> seen(graph_.rows(), false);
    std::priority_queue<Hit, std::vector<Hit>, std::greater<>> open;
    std::priority_queue<Hit> best;
    const uint32_t entry = Descend(query);
    seen[entry] = true;
    open.emplace(Distance(query, entry), entry);
    best.emplace(open.top());
    while (!open.empty() && (best.size() < kEf || open.top().first <= best.top().first)) {
      const uint32_t row = open.top().second;
      open.pop();
      for (const uint32_t neighbour : graph_.Neighbours(row)) {
        if (seen[neighbour]) {
          continue;
        }
        seen[neighbour] = true;
        const Hit hit(Distance(query, neighbour), neighbour);
        if (best.size() < kEf || hit < best.top()) {
          open.push(hit);
          best.push(hit);
          if (best.size() > kEf) {
            best.pop();
          }
        }
      }
    }
    std::vector<Hit> hits;
    for (; !best.empty(); best.pop()) {
      if (best.top().second != self) {
        hits.push_back(best.top());
      }
    }
    return Nearest(std::move(hits));
  }

 private:
  double Distance(const std::vector<float>& query, uint32_t row) const {
    return DistanceOf(query, VectorOf(row), schema_.metric);
  }

  // The row from which level 0 is searched.
  uint32_t Descend(const std::vector<float>& query) const {
    if (graph_.max_level() == 0) {
      return graph_.entry();
    }
    uint32_t position = graph_.entry_position();
    double nearest = Distance(query, graph_.RowOfUpper(position));
    for (uint32_t level = graph_.max_level(); level > 0; --level) {
      for (bool moved = true; moved;) {
        moved = false;
        for (const uint32_t neighbour : graph_.UpperNeighbours(position, level)) {
          const double distance = Distance(query, graph_.RowOfUpper(neighbour));
          if (distance < nearest) {
            nearest = distance;
            position = neighbour;
            moved = true;
          }
        }
      }
    }
    return graph_.RowOfUpper(position);
  }

  static std::set<uint32_t> Nearest(std::vector<Hit> hits) {
    const size_t kept = std::min(kNeighbours, hits.size());
    std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(kept), hits.end());
    std::set<uint32_t> rows;
    for (size_t i = 0; i < kept; ++i) {
      rows.insert(hits[i].second);
    }
    return rows;
  }

  const Graph& graph_;
  std::string_view vectors_;
  const VectorSchema& schema_;
};

}  // namespace

float HalfToFloat(uint16_t half) {
  const bool negative = (half & 0x8000U) != 0;
  const int exponent = half >> 10U & 0x1fU;
  const int fraction = half & 0x3ffU;
  float value = 0;
  if (exponent == 31) {
    value = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  }
  return negative ? -value : value;
}

std::vector<float> DecodeVector(std::string_view bytes, Element element) {
  const size_t width = element == Element::kF16 ? 2 : 4;
  std::vector<float> vector(bytes.size() / width);
  for (size_t i = 0; i < vector.size(); ++i) {
    vector[i] = element == Element::kF16 ? HalfToFloat(U16At(bytes, i * width))
                                         : std::bit_cast<float>(U32At(bytes, i * width));
  }
  return vector;
}

double NormOf(std::string_view bytes, Element element) {
  double sum = 0;
  for (const float value : DecodeVector(bytes, element)) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return std::sqrt(sum);
}

double DistanceOf(const std::vector<float>& a, const std::vector<float>& b, Metric metric) {
  double dot = 0;
  double difference = 0;
  double norm_a = 0;
  double norm_b = 0;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    dot += x * y;
    difference += (x - y) * (x - y);
    norm_a += x * x;
    norm_b += y * y;
  }
  switch (metric) {
    case Metric::kCosine:
      return 1 - dot / std::sqrt(norm_a * norm_b);
    case Metric::kL2:
      return std::sqrt(difference);
    case Metric::kDot:
      return -dot;
  }
  return 0;
}

RecallSample MeasureRecall(const Graph& graph, std::string_view vectors, const VectorSchema& schema,
                           const std::vector<uint32_t>& rows_with_vector, uint32_t queries) {
  RecallSample sample;
  if (rows_with_vector.size() < 2 || queries == 0) {
    return sample;
  }
  const Sampler sampler(graph, vectors, schema);
  std::mt19937_64 random(kSampleSeed);
  size_t found = 0;
  size_t wanted = 0;
  for (sample.queries = 0; sample.queries < queries; ++sample.queries) {
    const uint32_t self = rows_with_vector[random() % rows_with_vector.size()];
    const std::vector<float> query = sampler.VectorOf(self);
    const std::set<uint32_t> exact = sampler.Exact(query, self, rows_with_vector);
    const std::set<uint32_t> by_graph = sampler.ByGraph(query, self);
    wanted += exact.size();
    for (const uint32_t row : exact) {
      found += by_graph.count(row);
    }
  }
  sample.recall_at_10 = static_cast<double>(found) / static_cast<double>(wanted);
  return sample;
}

}  // namespace perigee::tools::inspect
