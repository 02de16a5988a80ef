// SPDX-License-Identifier: Apache-2.0
//
// RecordReplay: follows the records of the log from what the manifest has applied, as far as that
// is needed to say whether a writer could replay them: collections come and go, rows fit their
// schema, attached segments are there (D3, D4).
//
// Invariants: a finding is made exactly where replay would have to stop.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/inspect/finding.h"
#include "tools/inspect/log_decoder.h"
#include "tools/inspect/manifest_replay.h"
#include "tools/inspect/record_decoder.h"

namespace perigee::tools::inspect {

/// A segment that the log attached and the manifest does not name yet.
struct AttachedSegment {
  Uuid collection = {};
  Uuid tenant = {};
  uint64_t lsn = 0;
  LoggedReceipt receipt = {};
  Schema schema = {};
};

class RecordReplay {
 public:
  /// `state` outlives the object.
  explicit RecordReplay(const ManifestState& state);

  void Take(const RawRecord& record, FileFindings& findings);
  /// After the last record.
  void Finish(FindingList& findings);
  /// Segments whose files must be there although the manifest does not name them. After Finish.
  const std::vector<AttachedSegment>& attached() const { return attached_; }
  /// Records behind the smallest applied LSN.
  uint64_t records_to_replay() const { return records_to_replay_; }

 private:
  struct Collection {
    Uuid tenant;
    std::string name;
    Schema schema;
    uint64_t applied_lsn = 0;
  };

  void Create(const LoggedRecord& record, uint64_t lsn);
  void Drop(const Uuid& collection);
  void Attach(const LoggedRecord& record, uint64_t lsn, Collection& collection,
              FileFindings& findings);

  uint64_t applied_lsn_;
  std::map<Uuid, Collection> collections_;
  /// Stamped segments of the manifest that wait for their record.
  std::map<std::pair<Uuid, uint64_t>, uint64_t> pending_;
  /// Collections that records spoke of and that do not exist: they must be dropped further on.
  std::set<Uuid> unknown_;
  std::vector<AttachedSegment> attached_;
  uint64_t records_to_replay_ = 0;
};

}  // namespace perigee::tools::inspect
