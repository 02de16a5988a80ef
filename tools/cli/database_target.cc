// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/database_target.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "perigee/client/connection.h"
#include "perigee/database.h"
#include "storage/foundation/status_macros.h"

namespace perigee::tools {
namespace {

// perigee::Collection and client::RemoteCollection have the same methods; one adapter serves both.
template <typename Handle>
class HandleTarget final : public CollectionTarget {
 public:
  explicit HandleTarget(Handle handle) : handle_(std::move(handle)) {}

  const CollectionSchema& schema() const override { return handle_.schema(); }
  absl::StatusOr<WriteResult> Upsert(const UpsertRequest& request) override {
    return handle_.Upsert(request);
  }
  absl::StatusOr<WriteResult> Delete(const DeleteRequest& request) override {
    return handle_.Delete(request);
  }
  absl::StatusOr<GetResult> Get(const GetRequest& request) override { return handle_.Get(request); }
  absl::StatusOr<QueryResult> Query(const perigee::Query& query) override {
    return handle_.Query(query);
  }
  absl::StatusOr<CountResult> Count(const CountRequest& request) override {
    return handle_.Count(request);
  }
  absl::StatusOr<ScrollResult> Scroll(const ScrollRequest& request) override {
    return handle_.Scroll(request);
  }
  absl::StatusOr<ExplainResult> Explain(const perigee::Query& query) override {
    return handle_.Explain(query);
  }
  absl::StatusOr<CollectionDescription> Describe() override { return handle_.Describe(); }

 private:
  Handle handle_;
};

template <typename Owner, typename Handle>
class OwnerTarget final : public DatabaseTarget {
 public:
  explicit OwnerTarget(std::unique_ptr<Owner> owner) : owner_(std::move(owner)) {}

  absl::StatusOr<std::unique_ptr<CollectionTarget>> Create(
      std::string_view name, const CollectionSchema& schema) override {
    PERIGEE_ASSIGN_OR_RETURN(Handle handle, owner_->CreateCollection(name, schema));
    return std::make_unique<HandleTarget<Handle>>(std::move(handle));
  }
  absl::StatusOr<std::unique_ptr<CollectionTarget>> Collection(std::string_view name) override {
    PERIGEE_ASSIGN_OR_RETURN(Handle handle, owner_->OpenCollection(name));
    return std::make_unique<HandleTarget<Handle>>(std::move(handle));
  }
  absl::Status Drop(std::string_view name) override { return owner_->DropCollection(name); }
  absl::StatusOr<std::vector<CollectionDescription>> List() override {
    return owner_->ListCollections();
  }
  absl::StatusOr<DatabaseStatus> Status() override { return owner_->Status(); }
  absl::StatusOr<SnapshotReport> Snapshot(const std::string& to,
                                          const SnapshotOptions& options) override {
    if constexpr (requires { owner_->CreateSnapshot(to, options); }) {
      return owner_->CreateSnapshot(to, options);
    } else {
      return owner_->CreateSnapshot(to);
    }
  }
  absl::Status Close() override {
    if constexpr (requires { owner_->Close(); }) {
      return owner_->Close();
    } else {
      owner_.reset();
      return absl::OkStatus();
    }
  }

 private:
  std::unique_ptr<Owner> owner_;
};

bool StartsWith(const std::string& text, std::string_view prefix) {
  return std::string_view(text).substr(0, prefix.size()) == prefix;
}

absl::StatusOr<IoBackend> ParseIoBackend(const std::string& name) {
  if (name == "auto") {
    return IoBackend::kAuto;
  }
  if (name == "posix") {
    return IoBackend::kPosix;
  }
  if (name == "uring") {
    return IoBackend::kUring;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown I/O backend '", name, "'; it is auto, posix or uring"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatabaseTarget>> OpenTarget(const std::string& uri,
                                                           const TargetOptions& options) {
  if (uri.empty()) {
    return absl::InvalidArgumentError(
        "the URI is empty; it is perigee://HOST:PORT, unix:PATH or a directory");
  }
  if (StartsWith(uri, "perigee://") || StartsWith(uri, "unix:")) {
    PERIGEE_ASSIGN_OR_RETURN(auto connection, client::Connection::Open(uri, {}));
    return std::make_unique<OwnerTarget<client::Connection, client::RemoteCollection>>(
        std::move(connection));
  }
  if (uri.find("://") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown kind of URI '", uri, "'; it is perigee://HOST:PORT, unix:PATH or a directory"));
  }
  OpenOptions open = {.access = Access::Unrestricted()};
  open.create_if_missing = options.create_if_missing;
  open.read_only = options.read_only;
  PERIGEE_ASSIGN_OR_RETURN(open.io_backend, ParseIoBackend(options.io_backend));
  PERIGEE_ASSIGN_OR_RETURN(auto database, Database::Open(uri, open));
  return std::make_unique<OwnerTarget<Database, perigee::Collection>>(std::move(database));
}

}  // namespace perigee::tools
