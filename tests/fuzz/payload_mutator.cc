// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/payload_mutator.h"

#include <bit>
#include <string>
#include <utility>

namespace perigee::tests {
namespace {

constexpr size_t kTextBytesMax = 80;
constexpr size_t kItemsMax = 40;  // above this, nothing is added
constexpr size_t kNestingMax = 40;

PayloadValue RandomValue(ByteMutator& mutator) {
  switch (mutator.Below(8)) {
    case 0:
      return {};
    case 1:
      return mutator.Chance(50);
    case 2:
      return static_cast<int64_t>(mutator.Integer(mutator.Below(100)));
    case 3:
      return mutator.Integer(uint64_t{1} << 63U);
    case 4:
      return std::bit_cast<double>(mutator.Integer(std::bit_cast<uint64_t>(0.5)));
    case 5:
      return PayloadArray();
    case 6:
      return PayloadObject();
    default:
      return mutator.Chance(50) ? "x" : "2024-02-29T12:00:00Z";
  }
}

std::string RandomKey(ByteMutator& mutator) {
  constexpr const char* kKeys[] = {"a", "tags", "m", "x", "items", "p", "deep", "", "odd.key"};
  return kKeys[mutator.Below(std::size(kKeys))];
}

void MutateText(std::string& text, ByteMutator& mutator) {
  if (mutator.Chance(5)) {
    text.append(mutator.Below(200), 'k');  // beyond the limit of a key, sooner or later
  } else if (mutator.Chance(20)) {
    text += "\xC3\xA9";
  } else {
    mutator.MutateRun(text, kTextBytesMax);
  }
}

void Wrap(PayloadValue& value, ByteMutator& mutator) {
  for (uint64_t levels = mutator.Chance(5) ? mutator.Below(kNestingMax) : 1; levels > 0; --levels) {
    if (mutator.Chance(50)) {
      PayloadArray array;
      array.push_back(std::move(value));
      value = PayloadValue(std::move(array));
    } else {
      PayloadObject object;
      object.emplace_back(RandomKey(mutator), std::move(value));
      value = PayloadValue(std::move(object));
    }
  }
}

void MutateArray(PayloadArray& array, ByteMutator& mutator) {
  if (array.empty() || (array.size() < kItemsMax && mutator.Chance(15))) {
    array.push_back(RandomValue(mutator));
    return;
  }
  const auto at = static_cast<std::ptrdiff_t>(mutator.Below(array.size()));
  switch (mutator.Below(8)) {
    case 0:
      array.erase(array.begin() + at);
      break;
    case 1:
      if (array.size() < kItemsMax) {
        const PayloadValue copy = array[static_cast<size_t>(at)];
        array.insert(array.begin() + at, copy);
      }
      break;
    default:
      MutatePayloadValue(array[static_cast<size_t>(at)], mutator);
      break;
  }
}

struct ScalarMutation {
  ByteMutator& mutator;

  void operator()(std::monostate& /*null*/) const {}
  void operator()(bool& value) const { value = !value; }
  void operator()(int64_t& value) const {
    value = static_cast<int64_t>(mutator.Integer(static_cast<uint64_t>(value)));
  }
  void operator()(uint64_t& value) const { value = mutator.Integer(value); }
  void operator()(double& value) const {
    value = std::bit_cast<double>(mutator.Integer(std::bit_cast<uint64_t>(value)));
  }
  void operator()(std::string& value) const { MutateText(value, mutator); }
  void operator()(PayloadArray& value) const { MutateArray(value, mutator); }
  void operator()(PayloadObject& value) const { MutatePayload(value, mutator); }
};

}  // namespace

void MutatePayloadValue(PayloadValue& value, ByteMutator& mutator) {
  if (mutator.Chance(10)) {
    value = RandomValue(mutator);
  } else if (mutator.Chance(10)) {
    Wrap(value, mutator);
  } else {
    std::visit(ScalarMutation{mutator}, value.variant());
  }
}

void MutatePayload(PayloadObject& payload, ByteMutator& mutator) {
  if (payload.empty() || (payload.size() < kItemsMax && mutator.Chance(15))) {
    payload.emplace_back(RandomKey(mutator), RandomValue(mutator));
    return;
  }
  const size_t at = mutator.Below(payload.size());
  switch (mutator.Below(9)) {
    case 0:
      payload.erase(payload.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 1:
      MutateText(payload[at].first, mutator);
      break;
    case 2:
      payload[at].first = RandomKey(mutator);
      break;
    case 3:
      std::swap(payload[at], payload[mutator.Below(payload.size())]);
      break;
    default:
      MutatePayloadValue(payload[at].second, mutator);
      break;
  }
}

}  // namespace perigee::tests
