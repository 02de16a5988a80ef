// SPDX-License-Identifier: Apache-2.0
//
// The verbs of `perigee`, each a function from its parsed options to a status; what it prints goes
// to the streams.
//
// Invariants: options are checked before the target is touched where that is possible.
// Thread-safety: one call at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/cli/command_line.h"
#include "tools/cli/database_target.h"
#include "tools/cli/output.h"

namespace perigee::tools {

/// What is common to a run: where, how to print, the streams.
struct VerbContext {
  DatabaseTarget& target;
  OutputFormat format;
  const CommandStreams& streams;
};

struct CreateOptions {
  std::string name = {};
  std::optional<uint32_t> dimension = {};  ///< of the unnamed vector
  std::string metric = "cosine";
  std::string element = "f32";
  std::vector<std::string> vectors = {};  ///< NAME:DIMENSION[:METRIC[:ELEMENT]]
  uint32_t m = 16;
  uint32_t ef_construction = 200;
};

struct UpsertOptions {
  std::string collection = {};
  std::string file = {};  ///< JSONL; "-" or empty: standard input
  std::string mode = "upsert";
  std::optional<std::string> id = {};  ///< one point from the command line instead of a file
  std::string vector = {};
  std::string payload = {};
  uint32_t batch = 256;
};

struct IdsOptions {
  std::string collection = {};
  std::vector<std::string> ids = {};
  std::string with_payload = "all";
  bool with_vectors = false;
};

struct QueryOptions {
  std::string collection = {};
  std::string vector = {};
  std::string like = {};
  std::string using_vector = {};
  uint32_t limit = 10;
  uint32_t offset = 0;
  std::string filter = {};
  std::optional<float> score_threshold = {};
  std::string with_payload = "all";
  bool with_vectors = false;
  double recall = 0.95;
  bool exact = false;
  std::optional<uint32_t> ef = {};
  uint32_t timeout_ms = 5'000;
};

struct ScrollOptions {
  std::string collection = {};
  uint32_t limit = 10;
  bool all = false;  ///< every page, one JSON object a line
  std::string filter = {};
  std::string cursor = {};
  std::string with_payload = "all";
  bool with_vectors = false;
};

absl::Status RunCreate(const VerbContext& context, const CreateOptions& options);
absl::Status RunDescribe(const VerbContext& context, const std::string& collection);
absl::Status RunList(const VerbContext& context);
absl::Status RunDrop(const VerbContext& context, const std::string& collection);
absl::Status RunUpsert(const VerbContext& context, const UpsertOptions& options);
absl::Status RunDelete(const VerbContext& context, const IdsOptions& options);
absl::Status RunGet(const VerbContext& context, const IdsOptions& options);
absl::Status RunQuery(const VerbContext& context, const QueryOptions& options);
absl::Status RunExplain(const VerbContext& context, const QueryOptions& options);
absl::Status RunCount(const VerbContext& context, const std::string& collection,
                      const std::string& filter);
absl::Status RunScroll(const VerbContext& context, const ScrollOptions& options);
absl::Status RunStatus(const VerbContext& context);
absl::Status RunSnapshot(const VerbContext& context, const std::string& to);
/// Needs no open database.
absl::Status RunRestore(const CommandStreams& streams, OutputFormat format, const std::string& from,
                        const std::string& to);

}  // namespace perigee::tools
