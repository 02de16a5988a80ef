// SPDX-License-Identifier: Apache-2.0
//
// Verifies a whole segment: its frame against what the manifest says, every page, and every rule of
// its sections (F3, F4, I11). With `deep` also what can only be computed: norms, reachability and
// recall of graphs.
//
// Invariants: nothing is read outside the file; vectors are streamed, other sections are in memory
// one segment at a time.
// Thread-safety: a function without state.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/inspect/checksum.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/manifest_edit_decoder.h"
#include "tools/inspect/record_decoder.h"
#include "tools/inspect/uuid.h"

namespace perigee::tools::inspect {

/// What the rest of the database says about a segment; parts that are not known are not compared.
struct SegmentExpectation {
  std::optional<Uuid> database = std::nullopt;
  std::optional<Uuid> collection = std::nullopt;
  std::optional<Uuid> tenant = std::nullopt;
  const SegmentEntry* entry = nullptr;
  const Schema* schema = nullptr;
};

struct SegmentVerifyOptions {
  bool deep = false;
  /// Queries a graph for the sample of --deep.
  uint32_t recall_queries = 20;
  /// Called with bytes read, for progress.
  std::function<void(uint64_t)> on_bytes = nullptr;
};

/// What --deep computed about one vector of a segment.
struct DeepFigures {
  std::string segment = {};
  std::string vector = {};
  uint64_t rows = 0;
  bool has_graph = false;
  uint32_t nodes = 0;
  uint32_t reachable = 0;
  uint32_t reachable_stored = 0;
  uint32_t recall_queries = 0;
  double recall_at_10 = 0;
};

struct VerifiedSegment {
  uint64_t rows = 0;
  uint64_t file_bytes = 0;
  uint64_t sections = 0;
  /// The frame and all source sections are good.
  bool sound = false;
  /// Hash of each row's encoded id; empty unless the ids are good.
  std::vector<Hash> id_hashes = {};
  std::vector<DeepFigures> deep = {};
};

VerifiedSegment VerifySegment(const std::string& path, const SegmentExpectation& expectation,
                              const SegmentVerifyOptions& options, FileFindings& findings);

}  // namespace perigee::tools::inspect
