// SPDX-License-Identifier: Apache-2.0
//
// CollectionCatalog: the collections of an open database by name and by uuid.
//
// Invariants: names and uuids are unique; collections enter and leave in the order of the log
// records that create and drop them.
// Thread-safety: all methods may be called from every thread; Add and Remove come from the thread
// that applies log records.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "engine/collection/collection_core.h"
#include "storage/encoding/uuid.h"

namespace perigee::engine {

class CollectionCatalog {
 public:
  /// Requires: neither its name nor its uuid is taken.
  void Add(std::shared_ptr<CollectionCore> collection);
  void Remove(const storage::Uuid& uuid);

  /// Null when there is none.
  std::shared_ptr<CollectionCore> FindName(std::string_view name) const;
  std::shared_ptr<CollectionCore> FindUuid(const storage::Uuid& uuid) const;
  /// kNotFound, with the nearest name that exists.
  absl::StatusOr<std::shared_ptr<CollectionCore>> Require(std::string_view name) const;
  /// In the order of names.
  std::vector<std::shared_ptr<CollectionCore>> List() const;
  size_t size() const;

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<CollectionCore>, std::less<>> by_name_
      ABSL_GUARDED_BY(mutex_);
  // Not a table of absl's: when one cannot grow it can no longer be destroyed either, and a replay
  // that runs out of memory must leave quietly.
  std::map<storage::Uuid, std::shared_ptr<CollectionCore>> by_uuid_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::engine
