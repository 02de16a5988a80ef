// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/model/payload_path.h"
#include "perigee/model/query.h"

namespace perigee {
namespace {

/// A path on its way through the payload: its next key, and how many arrays may still be entered
/// before it.
struct Cursor {
  const PayloadPath* path;
  size_t step;
  uint32_t arrays_left;
};
using Cursors = std::vector<Cursor>;

std::optional<PayloadValue> Select(const PayloadValue& value, const Cursors& cursors);

std::optional<PayloadValue> SelectMember(const std::string& key, const PayloadValue& value,
                                         const Cursors& cursors) {
  Cursors inner;
  for (const Cursor& cursor : cursors) {
    const PayloadPath::Step& step = cursor.path->steps[cursor.step];
    if (step.key != key) continue;
    if (cursor.step + 1 == cursor.path->steps.size()) return value;
    inner.push_back({.path = cursor.path,
                     .step = cursor.step + 1,
                     .arrays_left = std::max<uint32_t>(1, step.array_levels)});
  }
  if (inner.empty()) return std::nullopt;
  return Select(value, inner);
}

PayloadObject SelectMembers(const PayloadObject& object, const Cursors& cursors) {
  PayloadObject selected;
  for (const auto& [key, value] : object) {
    if (std::optional<PayloadValue> part = SelectMember(key, value, cursors)) {
      selected.emplace_back(key, *std::move(part));
    }
  }
  return selected;
}

std::optional<PayloadValue> Select(const PayloadValue& value, const Cursors& cursors) {
  if (const auto* object = value.As<PayloadObject>()) {
    PayloadObject selected = SelectMembers(*object, cursors);
    if (selected.empty()) return std::nullopt;
    return PayloadValue(std::move(selected));
  }
  const auto* array = value.As<PayloadArray>();
  if (array == nullptr) return std::nullopt;
  Cursors inner;
  for (const Cursor& cursor : cursors) {
    if (cursor.arrays_left == 0) continue;
    inner.push_back(
        {.path = cursor.path, .step = cursor.step, .arrays_left = cursor.arrays_left - 1});
  }
  PayloadArray selected;
  for (const PayloadValue& element : *array) {
    if (std::optional<PayloadValue> part = Select(element, inner)) {
      selected.push_back(*std::move(part));
    }
  }
  if (selected.empty()) return std::nullopt;
  return PayloadValue(std::move(selected));
}

}  // namespace

std::optional<Payload> SelectPayload(const Payload& payload, const PayloadSelector& selector) {
  if (selector.kind == PayloadSelector::Kind::kNone) return std::nullopt;
  if (selector.kind == PayloadSelector::Kind::kAll) return payload;
  std::vector<PayloadPath> paths;
  for (const std::string& text : selector.paths) {
    // Requests were validated; a path that is none selects nothing.
    if (absl::StatusOr<PayloadPath> path = PayloadPath::Parse(text); path.ok()) {
      paths.push_back(*std::move(path));
    }
  }
  Cursors cursors;
  for (const PayloadPath& path : paths) {
    cursors.push_back({.path = &path, .step = 0, .arrays_left = 0});
  }
  return SelectMembers(payload, cursors);
}

}  // namespace perigee
