// SPDX-License-Identifier: Apache-2.0
#include "tests/server/served_database.h"

#include <utility>

#include "storage/foundation/check.h"

namespace perigee::server {
namespace {

OpenOptions DatabaseOptions() {
  OpenOptions options = {.access = Access::Unrestricted()};
  options.io_backend = IoBackend::kPosix;
  options.creation = {.log_file_bytes = 1U << 20U, .section_alignment_bytes = 4U << 10U};
  return options;
}

}  // namespace

ServedDatabase::ServedDatabase() : ServedDatabase(Options()) {}

ServedDatabase::ServedDatabase(const Options& options)
    : options_(options),
      socket_path_(directory_.PathOf("socket")),
      dispatcher_(options.dispatcher),
      authenticator_(options.authenticator) {
  auto database = Database::Open(directory_.PathOf("db"), DatabaseOptions());
  PERIGEE_CHECK(database.ok(), database.status().ToString());
  database_ = *std::move(database);
  Start();
}

ServedDatabase::~ServedDatabase() {
  server_.reset();
  database_->Close().IgnoreError();
}

void ServedDatabase::Start() {
  const auto address = ParseListenAddress("unix:" + socket_path_);
  PERIGEE_CHECK(address.ok(), address.status().ToString());
  auto socket = ListenSocket::Open(*address, {});
  PERIGEE_CHECK(socket.ok(), socket.status().ToString());
  std::vector<ListenSocket> sockets;
  sockets.push_back(*std::move(socket));
  auto server = RpcServer::Start({*database_, dispatcher_, authenticator_,
                                  options_.takes_snapshots ? snapshot_directory() : std::string()},
                                 std::move(sockets), options_.limits);
  PERIGEE_CHECK(server.ok(), server.status().ToString());
  server_ = *std::move(server);
}

CollectionSchema PlainSchema(uint32_t dimension) {
  CollectionSchema schema;
  schema.vectors.push_back({.dimension = dimension});
  return schema;
}

UpsertRequest PlainPoints(uint64_t count, uint32_t dimension) {
  UpsertRequest request;
  for (uint64_t id = 0; id < count; ++id) {
    Point point;
    point.id = id;
    std::vector<float>& vector = point.vectors[""];
    for (uint32_t i = 0; i < dimension; ++i) {
      vector.push_back(1.0F + static_cast<float>((id * 31 + i * 7) % 101));
    }
    point.payload.emplace_back("n", PayloadValue(static_cast<int64_t>(id)));
    request.points.push_back(std::move(point));
  }
  return request;
}

}  // namespace perigee::server
