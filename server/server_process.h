// SPDX-License-Identifier: Apache-2.0
//
// ServerProcess: the life of perigeed from its configuration to its exit code: listen, open the
// database, serve, drain, close.
//
//   listening -> database open -> serving -> draining -> closed
//   SIGTERM, SIGINT: from any state to draining (30 s) and exit 0; a second one: exit at once.
//   storage failure: a second in which writes are answered storage_failed, then draining (1 s) and
//   exit 74; with the policy read_only it serves on without taking writes, and exits with 74 when
//   it is told to end.
//
// Invariants: what cannot work is found before anything is created: addresses are bound before the
// directory is touched. Thread-safety: RunServer is called once, on the main thread.
#pragma once

#include "perigee/model/exit_code.h"
#include "server/server_config.h"

namespace perigee::server {

/// Serves until told to end. Writes the log, and on a failure one line for people, to standard
/// error.
int RunServer(const ServerConfig& config);

}  // namespace perigee::server
