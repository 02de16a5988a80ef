// SPDX-License-Identifier: Apache-2.0
//
// Mutations of a payload as a tree: values replaced, wrapped, copied, removed, keys changed. What
// is encoded afterwards has right lengths and counts, so it gets past the first checks of a
// decoder.
//
// Invariants: the same payload and the same mutator state give the same result, MutatePlainBytes
// aside; the result may break the limits of payloads, which is the point.
// Thread-safety: functions without state of their own.
#pragma once

#include "perigee/model/payload_value.h"
#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

/// One change somewhere in the tree.
void MutatePayload(PayloadObject& payload, ByteMutator& mutator);
/// One change of the value or somewhere in it.
void MutatePayloadValue(PayloadValue& value, ByteMutator& mutator);

}  // namespace perigee::tests
