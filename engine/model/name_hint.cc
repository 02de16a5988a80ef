// SPDX-License-Identifier: Apache-2.0
#include "engine/model/name_hint.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "engine/model/utf8.h"

namespace perigee {
namespace {

// Longer names are not typed by hand; comparing them would cost more than the hint is worth.
constexpr size_t kNameBytesMax = 64;

char Lower(char c) { return absl::ascii_tolower(static_cast<unsigned char>(c)); }

/// Levenshtein distance with a swap of two neighbours counted as one edit.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::vector<size_t> next(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) &&
          Lower(a[i - 2]) == Lower(b[j - 1])) {
        next[j] = std::min(next[j], before[j - 2] + 1);
      }
    }
    before.swap(row);
    row.swap(next);
  }
  return row[b.size()];
}

}  // namespace

std::string_view NearestName(std::string_view name, std::span<const std::string_view> names) {
  if (name.empty() || name.size() > kNameBytesMax) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string_view candidate : names) {
    if (candidate.empty() || candidate.size() > kNameBytesMax) continue;
    const size_t distance = EditDistance(name, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view name, std::span<const std::string_view> names) {
  const std::string_view nearest = NearestName(name, names);
  return nearest.empty() ? "" : "; did you mean " + QuoteForMessage(nearest) + "?";
}

std::string JoinNames(std::span<const std::string_view> names) {
  std::string joined;
  for (const std::string_view name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name.empty() ? std::string_view("''") : name;
  }
  return joined;
}

}  // namespace perigee
