// SPDX-License-Identifier: Apache-2.0
#include "perigee/client/connection.h"

#include <capnp/message.h>

#include <utility>

#include "client/rpc_thread.h"
#include "client/server_address.h"
#include "client/wire/wire_bounds.h"
#include "client/wire/wire_schema.h"
#include "client/wire/wire_status.h"
#include "client/wire/wire_status_report.h"
#include "storage/foundation/status_macros.h"

namespace perigee::client {
namespace {

using CallKind = RpcThread::CallKind;

// A reply that is a lone status is empty when all is well.
absl::Status StatusOfReply(schema::Status::Reader status) {
  return status.getCode() == 0 ? absl::OkStatus() : wire::DecodeStatus(status);
}

// The schema of a collection that was just obtained.
kj::Promise<absl::Status> DescribeSchema(schema::Collection::Client collection,
                                         CollectionSchema& schema) {
  return collection.describeRequest().send().then([&schema](auto&& response) -> absl::Status {
    const auto result = response.getResult();
    if (!result.isDescription()) {
      return wire::DecodeStatus(result.getStatus());
    }
    PERIGEE_ASSIGN_OR_RETURN(schema, wire::DecodeSchema(result.getDescription().getSchema()));
    return absl::OkStatus();
  });
}

}  // namespace

Connection::Connection(std::shared_ptr<RpcThread> thread) : thread_(std::move(thread)) {}
Connection::~Connection() = default;

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(std::string_view address,
                                                             const ConnectionOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(ServerAddress parsed, ParseServerAddress(address));
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<RpcThread> thread,
                           RpcThread::Start(std::move(parsed), options));
  return std::unique_ptr<Connection>(new Connection(std::move(thread)));
}

absl::StatusOr<RemoteCollection> Connection::CreateCollection(std::string_view name,
                                                              const CollectionSchema& schema) {
  PERIGEE_RETURN_IF_ERROR(Validate(schema));
  const std::string owned_name(name);
  PERIGEE_RETURN_IF_ERROR(thread_->CallSession(
      {.kind = CallKind::kWrite, .timeout_ms = thread_->call_timeout_ms(), .what = "create"},
      [&owned_name, &schema](schema::Session::Client session) {
        auto request = session.createCollectionRequest();
        request.setName(wire::WireText(owned_name));
        wire::EncodeSchema(schema, request.initSchema());
        return request.send().then([](auto&& response) -> absl::Status {
          const auto result = response.getResult();
          return result.isCollection() ? absl::OkStatus() : wire::DecodeStatus(result.getStatus());
        });
      }));
  thread_->ForgetCollection(owned_name);
  return RemoteCollection(thread_, owned_name, schema);
}

absl::StatusOr<RemoteCollection> Connection::OpenCollection(std::string_view name) const {
  const std::string owned_name(name);
  CollectionSchema schema;
  // Always asked of the server: a collection of that name may have been dropped and made again.
  thread_->ForgetCollection(owned_name);
  PERIGEE_RETURN_IF_ERROR(
      thread_->CallCollection({.timeout_ms = thread_->call_timeout_ms(), .what = "open"},
                              owned_name, [&schema](schema::Collection::Client collection) {
                                return DescribeSchema(kj::mv(collection), schema);
                              }));
  return RemoteCollection(thread_, owned_name, std::move(schema));
}

absl::Status Connection::DropCollection(std::string_view name) {
  const std::string owned_name(name);
  absl::Status status = thread_->CallSession(
      {.kind = CallKind::kWrite, .timeout_ms = thread_->call_timeout_ms(), .what = "drop"},
      [&owned_name](schema::Session::Client session) {
        auto request = session.dropCollectionRequest();
        request.setName(wire::WireText(owned_name));
        return request.send().then(
            [](auto&& response) { return StatusOfReply(response.getStatus()); });
      });
  return status;
}

absl::StatusOr<bool> Connection::CollectionExists(std::string_view name) const {
  const std::string owned_name(name);
  bool exists = false;
  PERIGEE_RETURN_IF_ERROR(
      thread_->CallSession({.timeout_ms = thread_->call_timeout_ms(), .what = "exists"},
                           [&owned_name, &exists](schema::Session::Client session) {
                             auto request = session.collectionExistsRequest();
                             request.setName(wire::WireText(owned_name));
                             return request.send().then([&exists](auto&& response) -> absl::Status {
                               const auto result = response.getResult();
                               if (!result.isExists()) {
                                 return wire::DecodeStatus(result.getStatus());
                               }
                               exists = result.getExists();
                               return absl::OkStatus();
                             });
                           }));
  return exists;
}

absl::StatusOr<std::vector<CollectionDescription>> Connection::ListCollections() const {
  std::vector<CollectionDescription> descriptions;
  PERIGEE_RETURN_IF_ERROR(thread_->CallSession(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "list"},
      [&descriptions](schema::Session::Client session) {
        return session.listCollectionsRequest().send().then([&descriptions](
                                                                auto&& response) -> absl::Status {
          const auto result = response.getResult();
          if (!result.isCollections()) {
            return wire::DecodeStatus(result.getStatus());
          }
          PERIGEE_ASSIGN_OR_RETURN(descriptions, wire::DecodeDescriptions(result.getCollections()));
          return absl::OkStatus();
        });
      }));
  return descriptions;
}

absl::StatusOr<DatabaseStatus> Connection::Status() const {
  DatabaseStatus status;
  PERIGEE_RETURN_IF_ERROR(thread_->CallSession(
      {.timeout_ms = thread_->call_timeout_ms(), .what = "status"},
      [&status](schema::Session::Client session) {
        return session.statusRequest().send().then([&status](auto&& response) -> absl::Status {
          const auto result = response.getResult();
          if (!result.isDatabase()) {
            return wire::DecodeStatus(result.getStatus());
          }
          PERIGEE_ASSIGN_OR_RETURN(status, wire::DecodeDatabaseStatus(result.getDatabase()));
          return absl::OkStatus();
        });
      }));
  return status;
}

absl::Status Connection::Flush() {
  return thread_->CallSession({.timeout_ms = thread_->call_timeout_ms(), .what = "flush"},
                              [](schema::Session::Client session) {
                                return session.flushRequest().send().then([](auto&& response) {
                                  return StatusOfReply(response.getStatus());
                                });
                              });
}

absl::StatusOr<SnapshotReport> Connection::CreateSnapshot(std::string_view name) {
  constexpr uint32_t kSnapshotTimeoutMs = 24U * 3'600'000U;
  SnapshotReport report;
  PERIGEE_RETURN_IF_ERROR(thread_->CallSession(
      {.kind = RpcThread::CallKind::kWrite, .timeout_ms = kSnapshotTimeoutMs, .what = "snapshot"},
      [&report, text = std::string(name)](schema::Session::Client session) {
        auto request = session.createSnapshotRequest();
        request.setName(wire::WireText(text));
        return request.send().then([&report](auto&& response) -> absl::Status {
          const auto result = response.getResult();
          if (!result.isTaken()) {
            return wire::DecodeStatus(result.getStatus());
          }
          PERIGEE_ASSIGN_OR_RETURN(report, wire::DecodeSnapshotReport(result.getTaken()));
          return absl::OkStatus();
        });
      }));
  return report;
}

}  // namespace perigee::client
