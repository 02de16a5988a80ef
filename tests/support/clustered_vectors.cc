// SPDX-License-Identifier: Apache-2.0
#include "tests/support/clustered_vectors.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "engine/distance/distance_kernels.h"
#include "engine/distance/float16.h"

namespace perigee::tests {
namespace {

constexpr size_t kQueries = 100;

std::string EncodeId(uint64_t number) {
  std::string id(1, '\0');
  for (int shift = 56; shift >= 0; shift -= 8) {
    id.push_back(static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xFFU));
  }
  return id;
}

}  // namespace

ClusteredVectors::ClusteredVectors(const ClusteredOptions& options)
    : options_(options),
      schema_{.name = "",
              .dimension = options.dimension,
              .metric = options.metric,
              .element = options.element,
              .hnsw = options.hnsw},
      bytes_(size_t{options.rows} * options.dimension *
             engine::VectorElementBytes(options.element)),
      norms_(options.rows),
      presence_((options.rows + 63) / 64 * 8) {
  for (uint32_t row = 0; row < options.rows; ++row) {
    ids_.push_back(EncodeId((uint64_t{row} * 2654435761U) % 4294967291U));
  }
  Draw();
  engine::VectorColumn::Parts parts;
  parts.element = options.element;
  parts.dimension = options.dimension;
  parts.row_count = options.rows;
  parts.rows = engine::ChunkedRows<std::byte>::Contiguous(
      bytes_.data(), options.dimension * engine::VectorElementBytes(options.element));
  parts.norms = engine::ChunkedRows<double>::Contiguous(norms_.data());
  parts.presence_bitmap = presence_.data();
  column_ = engine::VectorColumn(parts);
}

void ClusteredVectors::Draw() {
  std::mt19937_64 random(options_.seed);
  std::normal_distribution<float> normal;
  std::vector<float> mixing(size_t{options_.factors} * options_.dimension);
  for (float& weight : mixing) {
    weight = normal(random);
  }
  std::vector<float> centres(size_t{options_.clusters} * options_.factors);
  for (float& coordinate : centres) {
    coordinate = 1.5F * normal(random);
  }
  std::vector<float> widths(options_.clusters);
  for (float& width : widths) {
    width = 0.3F + 0.7F * std::abs(normal(random));
  }
  const auto draw = [&](uint32_t cluster) {
    std::vector<float> values(options_.dimension);
    for (float& value : values) {
      value = 0.2F * normal(random);
    }
    for (uint32_t factor = 0; factor < options_.factors; ++factor) {
      const float score =
          centres[size_t{cluster} * options_.factors + factor] + widths[cluster] * normal(random);
      for (uint32_t i = 0; i < options_.dimension; ++i) {
        values[i] += score * mixing[size_t{factor} * options_.dimension + i];
      }
    }
    return values;
  };
  // The sum of two draws makes some clusters several times as large as others.
  const auto pick = [&] {
    return static_cast<uint32_t>((random() % options_.clusters + random() % options_.clusters) / 2);
  };
  std::vector<std::vector<float>> distinct;
  for (uint32_t row = 0; row < options_.rows; ++row) {
    cluster_of_.push_back(pick());
    std::vector<float> values = draw(cluster_of_.back());
    if (options_.distinct != 0 && row >= options_.distinct) {
      values = distinct[row % options_.distinct];
    } else if (options_.distinct != 0) {
      distinct.push_back(values);
    }
    if (options_.absent_every == 0 || random() % options_.absent_every != 0) {
      Store(row, values);
    }
  }
  for (size_t query = 0; query < kQueries; ++query) {
    query_cluster_.push_back(pick());
    queries_.push_back(draw(query_cluster_.back()));
  }
}

void ClusteredVectors::Store(uint32_t row, const std::vector<float>& values) {
  presence_[row / 8] |= static_cast<std::byte>(1U << (row % 8));
  std::vector<float> kept = values;
  if (options_.element == VectorElement::kFloat16) {
    std::vector<uint16_t> halves(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      halves[i] = engine::FloatToFloat16(values[i]);
      kept[i] = engine::Float16ToFloat(halves[i]);
    }
    std::memcpy(bytes_.data() + row * halves.size() * 2, halves.data(), halves.size() * 2);
  } else {
    std::memcpy(bytes_.data() + row * values.size() * 4, values.data(), values.size() * 4);
  }
  norms_[row] = engine::VectorNorm(kept.data(), kept.size());
}

double RecallAt(size_t k, const std::vector<uint32_t>& expected,
                const std::vector<uint32_t>& actual) {
  const size_t wanted = std::min(k, expected.size());
  const size_t given = std::min(k, actual.size());
  size_t found = 0;
  for (size_t i = 0; i < wanted; ++i) {
    found += std::find(actual.begin(), actual.begin() + static_cast<std::ptrdiff_t>(given),
                       expected[i]) != actual.begin() + static_cast<std::ptrdiff_t>(given)
                 ? 1
                 : 0;
  }
  return wanted == 0 ? 1.0 : static_cast<double>(found) / static_cast<double>(wanted);
}

}  // namespace perigee::tests
