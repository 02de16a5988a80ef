// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/session_capability.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_schema.h"
#include "client/wire/wire_status.h"
#include "client/wire/wire_status_report.h"
#include "server/rpc/collection_capability.h"
#include "storage/foundation/status_macros.h"

namespace perigee::server {
namespace {

// Longer names are refused before they are copied; the engine knows the exact rule.
absl::StatusOr<std::string> CopyName(capnp::Text::Reader name) {
  return wire::CopyText("a collection name", name, wire::kNameBytesMax);
}

struct CreateRequest {
  std::string name;
  CollectionSchema schema;
};

absl::StatusOr<Nothing> NothingOr(const absl::Status& status) {
  return status.ok() ? absl::StatusOr<Nothing>(Nothing{}) : absl::StatusOr<Nothing>(status);
}

template <typename Context>
void AnswerCollection(Context context, CallService& service,
                      absl::StatusOr<perigee::Collection> collection) {
  auto result = context.getResults().initResult();
  if (collection.ok()) {
    result.setCollection(kj::heap<CollectionCapability>(service, *std::move(collection)));
  } else {
    wire::EncodeStatus(collection.status(), result.initStatus());
  }
}

}  // namespace

kj::Promise<void> SessionCapability::whoami(WhoamiContext context) {
  auto results = context.getResults();
  results.setPrincipal(wire::WireText(access_.principal()));
  results.setRights(access_.rights());
  return kj::READY_NOW;
}

kj::Promise<void> SessionCapability::collection(CollectionContext context) {
  return service_.Serve(
      context, Lane::kRead, [&context]() { return CopyName(context.getParams().getName()); },
      [database = database_](const std::string& name) { return database->OpenCollection(name); },
      [context, &service = service_](absl::StatusOr<perigee::Collection> collection) {
        AnswerCollection(context, service, std::move(collection));
      });
}

kj::Promise<void> SessionCapability::createCollection(CreateCollectionContext context) {
  return service_.Serve(
      context, Lane::kWrite,
      [&context]() -> absl::StatusOr<CreateRequest> {
        CreateRequest request;
        PERIGEE_ASSIGN_OR_RETURN(request.name, CopyName(context.getParams().getName()));
        PERIGEE_ASSIGN_OR_RETURN(request.schema,
                                 wire::DecodeSchema(context.getParams().getSchema()));
        return request;
      },
      [database = database_](const CreateRequest& request) {
        return database->CreateCollection(request.name, request.schema);
      },
      [context, &service = service_](absl::StatusOr<perigee::Collection> collection) {
        AnswerCollection(context, service, std::move(collection));
      });
}

kj::Promise<void> SessionCapability::dropCollection(DropCollectionContext context) {
  return service_.Serve(
      context, Lane::kWrite, [&context]() { return CopyName(context.getParams().getName()); },
      [database = database_](const std::string& name) {
        return NothingOr(database->DropCollection(name));
      },
      [context](const absl::StatusOr<Nothing>& done) mutable {
        wire::EncodeStatus(done.status(), context.getResults().initStatus());
      });
}

kj::Promise<void> SessionCapability::collectionExists(CollectionExistsContext context) {
  return service_.Serve(
      context, Lane::kRead, [&context]() { return CopyName(context.getParams().getName()); },
      [database = database_](const std::string& name) { return database->CollectionExists(name); },
      [context](const absl::StatusOr<bool>& exists) mutable {
        auto result = context.getResults().initResult();
        if (exists.ok()) {
          result.setExists(*exists);
        } else {
          wire::EncodeStatus(exists.status(), result.initStatus());
        }
      });
}

kj::Promise<void> SessionCapability::listCollections(ListCollectionsContext context) {
  return service_.Serve(
      context, Lane::kRead, []() -> absl::StatusOr<Nothing> { return Nothing{}; },
      [database = database_](Nothing) { return database->ListCollections(); },
      [context](const absl::StatusOr<std::vector<CollectionDescription>>& list) mutable {
        auto result = context.getResults().initResult();
        if (list.ok()) {
          wire::EncodeDescriptions(*list, result.initCollections(wire::WireCount(list->size())));
        } else {
          wire::EncodeStatus(list.status(), result.initStatus());
        }
      });
}

kj::Promise<void> SessionCapability::status(StatusContext context) {
  return service_.Serve(
      context, Lane::kRead, []() -> absl::StatusOr<Nothing> { return Nothing{}; },
      [database = database_](Nothing) { return database->Status(); },
      [context](const absl::StatusOr<DatabaseStatus>& status) mutable {
        auto result = context.getResults().initResult();
        if (status.ok()) {
          wire::EncodeDatabaseStatus(*status, result.initDatabase());
        } else {
          wire::EncodeStatus(status.status(), result.initStatus());
        }
      });
}

kj::Promise<void> SessionCapability::flush(FlushContext context) {
  return service_.Serve(
      context, Lane::kAdministration, []() -> absl::StatusOr<Nothing> { return Nothing{}; },
      [database = database_](Nothing) { return NothingOr(database->Flush()); },
      [context](const absl::StatusOr<Nothing>& done) mutable {
        wire::EncodeStatus(done.status(), context.getResults().initStatus());
      });
}

kj::Promise<void> SessionCapability::createSnapshot(CreateSnapshotContext context) {
  return service_.Serve(
      context, Lane::kAdministration,
      [&context]() { return CopyName(context.getParams().getName()); },
      [database = database_,
       directory = snapshot_directory_](const std::string& name) -> absl::StatusOr<SnapshotReport> {
        if (directory.empty()) {
          return absl::FailedPreconditionError(
              "this server takes no snapshots; its operator allows them with perigeed "
              "--snapshot-dir DIR");
        }
        // The rule of collection names: one part of a path, and no way out of the directory (S6).
        if (!ValidateCollectionName(name).ok() || name.front() == '.') {
          return absl::InvalidArgumentError(absl::StrCat(
              "snapshot name '", name,
              "': 1 to 128 letters, digits, '_', '-' and '.', and no '.', '-' in front"));
        }
        return database->CreateSnapshot(absl::StrCat(directory, "/", name), {});
      },
      [context](const absl::StatusOr<SnapshotReport>& report) mutable {
        auto result = context.getResults().initResult();
        if (report.ok()) {
          wire::EncodeSnapshotReport(*report, result.initTaken());
        } else {
          wire::EncodeStatus(report.status(), result.initStatus());
        }
      });
}

}  // namespace perigee::server
