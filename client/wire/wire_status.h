// SPDX-License-Identifier: Apache-2.0
//
// absl::Status to and from the wire: code, reason and message. A status without a reason has none
// on the other side, a reason that this build does not know is dropped and its code kept.
//
// Invariants: an error never decodes to ok; docs/errors.md lists the reasons.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "perigee.capnp.h"

namespace perigee::wire {

/// How long a peer should wait before it tries again; 0: no advice.
void SetRetryAfterMs(absl::Status& status, uint32_t retry_after_ms);
uint32_t GetRetryAfterMs(const absl::Status& status);

void EncodeStatus(const absl::Status& status, schema::Status::Builder out);
absl::Status DecodeStatus(schema::Status::Reader in);

}  // namespace perigee::wire
