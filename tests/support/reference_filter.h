// SPDX-License-Identifier: Apache-2.0
//
// ReferenceMatches: whether a point passes a filter, written from docs/filters.md over decoded
// payloads: paths with quoted keys and [], arrays entered on the way, numbers compared exactly,
// moments by the calendar of the standard library.
//
// Invariants: shares with the engine only the value types; paths are taken apart here.
// Thread-safety: a function without state.
#pragma once

#include "perigee/model/filter.h"
#include "perigee/model/point.h"

namespace perigee::tests {

/// Requires: a valid filter without text and geo conditions.
bool ReferenceMatches(const Filter& filter, const Point& point);

}  // namespace perigee::tests
