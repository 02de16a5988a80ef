// SPDX-License-Identifier: Apache-2.0
//
// ResultPages: large answers as complete messages of about 1 MiB, made on the thread that computed
// the answer and handed to the event loop, which only copies them out (K6, K10).
//
// Invariants: the pages hold every hit or point once, in order; only the first may be empty, and a
// page exceeds its size only when a single element does.
// Thread-safety: functions without state; a page belongs to one thread at a time.
#pragma once

#include <capnp/message.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "perigee.capnp.h"
#include "perigee/model/query.h"

namespace perigee::server {

inline constexpr size_t kPageBytes = 1U << 20U;

using OwnedMessage = std::unique_ptr<capnp::MallocMessageBuilder>;

struct ResultPages {
  /// Root: QueryResult or PointPage, without `rest`.
  OwnedMessage first;
  size_t first_bytes = 0;
  /// Roots: HitPages.Page or PointPages.Page; the last one says so.
  std::vector<OwnedMessage> rest;
};

/// Ends of runs of elements that fit `first_bytes_max` (the first run, which may be empty) and
/// kPageBytes (the others).
std::vector<size_t> PageEnds(const std::vector<size_t>& element_bytes, size_t first_bytes_max);

ResultPages MakeQueryPages(const QueryResult& result, size_t first_bytes_max = kPageBytes);
/// `next_cursor` is empty for get.
ResultPages MakePointPages(const ScrollResult& result);

}  // namespace perigee::server
