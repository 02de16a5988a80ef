// SPDX-License-Identifier: Apache-2.0
#include "engine/database/collection_catalog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/name_hint.h"
#include "storage/foundation/check.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {

void CollectionCatalog::Add(std::shared_ptr<CollectionCore> collection) {
  absl::MutexLock lock(&mutex_);
  const bool new_uuid = by_uuid_.emplace(collection->uuid(), collection).second;
  const bool new_name = by_name_.emplace(collection->name(), collection).second;
  PERIGEE_CHECK(new_uuid && new_name, "collection '", collection->name(), "' is there already");
}

void CollectionCatalog::Remove(const storage::Uuid& uuid) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_uuid_.find(uuid);
  if (found != by_uuid_.end()) {
    by_name_.erase(found->second->name());
    by_uuid_.erase(found);
  }
}

std::shared_ptr<CollectionCore> CollectionCatalog::FindName(std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::shared_ptr<CollectionCore> CollectionCatalog::FindUuid(const storage::Uuid& uuid) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = by_uuid_.find(uuid);
  return found == by_uuid_.end() ? nullptr : found->second;
}

absl::StatusOr<std::shared_ptr<CollectionCore>> CollectionCatalog::Require(
    std::string_view name) const {
  std::shared_ptr<CollectionCore> collection = FindName(name);
  if (collection != nullptr) {
    return collection;
  }
  const std::vector<std::shared_ptr<CollectionCore>> all = List();
  std::vector<std::string_view> names;
  names.reserve(all.size());
  for (const std::shared_ptr<CollectionCore>& one : all) {
    names.push_back(one->name());
  }
  return absl::NotFoundError(absl::StrCat("there is no collection '", Absl(name), "'",
                                          DidYouMean(name, names),
                                          all.empty() ? "; the database has none yet" : ""));
}

std::vector<std::shared_ptr<CollectionCore>> CollectionCatalog::List() const {
  absl::ReaderMutexLock lock(&mutex_);
  std::vector<std::shared_ptr<CollectionCore>> collections;
  collections.reserve(by_name_.size());
  for (const auto& [name, collection] : by_name_) {
    collections.push_back(collection);
  }
  return collections;
}

size_t CollectionCatalog::size() const {
  absl::ReaderMutexLock lock(&mutex_);
  return by_name_.size();
}

}  // namespace perigee::engine
