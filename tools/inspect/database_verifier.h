// SPDX-License-Identifier: Apache-2.0
//
// Verifies a whole data directory: every file that counts, and that they agree with each other.
//
// Invariants: nothing is locked or changed, so it may run while a writer works: a finding is
// reported only if a second look, after reading the manifest again, finds the same.
// Thread-safety: a function without state.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/inspect/directory_survey.h"
#include "tools/inspect/finding.h"
#include "tools/inspect/identity_decoder.h"
#include "tools/inspect/log_verifier.h"
#include "tools/inspect/manifest_decoder.h"
#include "tools/inspect/manifest_replay.h"
#include "tools/inspect/segment_verifier.h"

namespace perigee::tools::inspect {

struct VerifyProgress {
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
  std::string file = {};
};

struct VerifyOptions {
  bool deep = false;
  /// Looks at the directory, at most, while findings keep changing.
  int passes_max = 6;
  std::function<void(const VerifyProgress&)> on_progress = nullptr;
};

struct CollectionFigures {
  std::string name = {};
  Uuid uuid = {};
  uint64_t applied_lsn = 0;
  uint64_t segments = 0;
  uint64_t rows = 0;
  uint64_t dead_rows = 0;
  uint64_t file_bytes = 0;
};

struct VerifyReport {
  std::string directory = {};
  /// An initialisation was cut short: there is no database yet, and none was lost.
  bool uninitialised = false;
  std::optional<Identity> identity = {};
  std::optional<Current> current = {};
  ManifestEnd manifest_end = ManifestEnd::kDamaged;
  ManifestState manifest = {};  ///< version 0 when it could not be read
  LogSummary log = {};
  uint64_t records_to_replay = 0;
  std::vector<CollectionFigures> collections = {};
  std::vector<DeepFigures> deep = {};
  uint64_t bytes_read = 0;
  int passes = 0;
  FindingList findings = {};
};

/// kNotFound without a directory, kFailedPrecondition when it holds no database and no trace of
/// one, kUnavailable when it cannot be listed. Everything else is in the report.
absl::StatusOr<VerifyReport> VerifyDatabase(const std::string& directory,
                                            const VerifyOptions& options);

/// The manifest that CURRENT names, decoded and replayed; findings say what is wrong. Used by
/// other commands too. Version 0 when nothing could be read.
struct LoadedManifest {
  std::optional<Identity> identity = {};
  std::optional<Current> current = {};
  ManifestEnd end = ManifestEnd::kDamaged;
  ManifestHeader header = {};
  ManifestState state = {};
  /// Of the first record, which is the checkpoint.
  ManifestState checkpoint = {};
  Hash checkpoint_parent = {};
};
LoadedManifest LoadManifest(const std::string& directory, FindingList& findings);

/// Decodes and replays the bytes of one manifest file; false when an acknowledged part is bad.
bool ReplayManifest(std::string_view bytes, LoadedManifest& loaded, FileFindings& findings);

}  // namespace perigee::tools::inspect
