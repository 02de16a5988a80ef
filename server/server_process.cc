// SPDX-License-Identifier: Apache-2.0
#include "server/server_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "perigee/database.h"
#include "perigee/version.h"
#include "server/auth/authenticator.h"
#include "server/log_output.h"
#include "server/rpc/listen_socket.h"
#include "server/rpc/rpc_server.h"
#include "server/service/request_dispatcher.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"

namespace perigee::server {
namespace {

constexpr std::chrono::milliseconds kShutdownGrace(30'000);
constexpr std::chrono::milliseconds kStorageFailureGrace(1'000);

// How often to look whether a database that found no room has some.
constexpr std::chrono::milliseconds kRoomCheckEvery(1'000);

enum class StopCause { kNone, kSignal, kStorageFailed, kRoomReturned };

// Why the server should end; the first cause counts.
class StopRequest {
 public:
  // Asks for nothing: told by the exit code alone.
  void NoteStorageFailed() {
    const absl::MutexLock lock(&mutex_);
    storage_failed_ = true;
  }
  bool storage_failed() const {
    const absl::MutexLock lock(&mutex_);
    return storage_failed_;
  }
  void Ask(StopCause cause) {
    const absl::MutexLock lock(&mutex_);
    if (cause_ == StopCause::kNone) {
      cause_ = cause;
    }
  }
  StopCause Wait() {
    const absl::MutexLock lock(&mutex_, absl::Condition(&Asked, &cause_));
    return cause_;
  }
  /// kNone when nothing came within `time`.
  StopCause WaitFor(std::chrono::milliseconds time) {
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&Asked, &cause_), absl::FromChrono(time));
    return cause_;
  }

 private:
  static bool Asked(StopCause* cause) { return *cause != StopCause::kNone; }

  mutable absl::Mutex mutex_;
  bool storage_failed_ ABSL_GUARDED_BY(mutex_) = false;
  StopCause cause_ ABSL_GUARDED_BY(mutex_) = StopCause::kNone;
};

int Fail(const absl::Status& status, ExitCode code) {
  Log(LogLevel::kError, "server.failed", std::string(status.message()));
  return static_cast<int>(code);
}

ExitCode ListenExitCode(const absl::Status& status) {
  // Beyond loopback, or a name that is no address: the configuration is wrong.
  return absl::IsPermissionDenied(status) || absl::IsInvalidArgument(status)
             ? ExitCode::kConfiguration
             : ExitCode::kCannotCreate;
}

absl::StatusOr<std::vector<ListenSocket>> Listen(const ServerConfig& config) {
  std::vector<ListenSocket> sockets;
  for (const ListenAddress& address : config.listen) {
    PERIGEE_ASSIGN_OR_RETURN(ListenSocket socket,
                             ListenSocket::Open(address, {.allow_remote = config.insecure}));
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

OpenOptions DatabaseOptions(const ServerConfig& config, StopRequest& stop) {
  // Each session gets a handle of its own with the rights of its principal.
  OpenOptions options = {.access = Access::Unrestricted()};
  options.io_backend = config.io_backend;
  options.disk_free_bytes_min = config.disk_free_bytes_min;
  options.creation.reserve_bytes = config.reserve_bytes;
  options.recovery_mode = config.recovery_mode;
  options.scrub_bytes_per_second = config.scrub_bytes_per_second;
  const bool ends = config.on_storage_failure == StorageFailurePolicy::kExit;
  options.on_storage_failed = [&stop, ends](const absl::Status& status) {
    Log(LogLevel::kError, "server.storage_failed",
        absl::StrCat(ends ? "ending" : "serving reads only", ": ", status.ToString()));
    stop.NoteStorageFailed();
    if (ends) {
      stop.Ask(StopCause::kStorageFailed);
    }
  };
  return options;
}

// Waits for a reason to end; one is that a database without room could be opened for writing now.
StopCause WaitToStop(StopRequest& stop, const Database& database) {
  StopCause cause = stop.WaitFor(kRoomCheckEvery);
  while (cause == StopCause::kNone) {
    if (database.MayReopenForWriting()) {
      Log(LogLevel::kInfo, "server.room_returned",
          "the disk has room again; ending, so that a supervisor starts the server for writing");
      stop.Ask(StopCause::kRoomReturned);
    }
    cause = database.in_recovery_mode() ? stop.WaitFor(kRoomCheckEvery) : stop.Wait();
  }
  return cause;
}

ExitCode EndOf(StopCause cause, const StopRequest& stop, const Database& database) {
  if (cause == StopCause::kRoomReturned) {
    return ExitCode::kTryLater;
  }
  const bool well = !stop.storage_failed() && !database.in_recovery_mode();
  return well || CanaryActive("exit-zero-on-storage-failure") ? ExitCode::kOk : ExitCode::kIoError;
}

// On a thread of its own, so that a second signal is heard whatever this does.
int Serve(const ServerConfig& config, StopRequest& stop) {
  absl::StatusOr<std::vector<ListenSocket>> sockets = Listen(config);
  if (!sockets.ok()) {
    return Fail(sockets.status(), ListenExitCode(sockets.status()));
  }
  Log(LogLevel::kInfo, "server.opening", absl::StrCat("opening ", config.data_directory));
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(config.data_directory, DatabaseOptions(config, stop));
  if (!database.ok()) {
    return Fail(database.status(), ExitCodeOf(database.status()));
  }
  auto dispatcher = std::make_unique<RequestDispatcher>(
      RequestDispatcher::Options{.read_threads = config.threads});
  const Authenticator authenticator({.accept_remote_without_key = config.insecure});
  absl::StatusOr<std::unique_ptr<RpcServer>> server =
      RpcServer::Start({**database, *dispatcher, authenticator, config.snapshot_directory},
                       *std::move(sockets), ConnectionLimits());
  if (!server.ok()) {
    return Fail(server.status(), ExitCode::kInternal);
  }
  for (const std::string& address : (*server)->client_addresses()) {
    Log(LogLevel::kInfo, "server.listening", absl::StrCat("listening on ", address));
  }
  const StopCause cause = WaitToStop(stop, **database);
  const ExitCode end = EndOf(cause, stop, **database);
  if (cause == StopCause::kStorageFailed) {
    // Writes that wait and writes that still come learn why, instead of losing their connection.
    std::this_thread::sleep_for(kStorageFailureGrace);
  }
  Log(LogLevel::kInfo, "server.draining", "no new requests; finishing those in progress");
  const bool drained =
      (*server)->Drain(cause == StopCause::kStorageFailed ? kStorageFailureGrace : kShutdownGrace);
  server->reset();
  const absl::Status closed = (*database)->Close();
  dispatcher.reset();
  Log(LogLevel::kInfo, "server.stopped",
      drained ? "all requests were finished" : "time ran out before all requests were finished");
  if (end != ExitCode::kOk) {
    return static_cast<int>(end);
  }
  return closed.ok() ? static_cast<int>(ExitCode::kOk) : Fail(closed, ExitCodeOf(closed));
}

}  // namespace

int RunServer(const ServerConfig& config) {
  InstallLogOutput(config.log_level);
  signal(SIGPIPE, SIG_IGN);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  // Before any thread is made, so that all inherit it and the signals come here alone.
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  const int signals = signalfd(-1, &ending, SFD_CLOEXEC);
  const int finished = eventfd(0, EFD_CLOEXEC);
  if (signals < 0 || finished < 0) {
    return Fail(absl::InternalError("cannot make a signal descriptor"), ExitCode::kInternal);
  }
  StopRequest stop;
  int exit_code = static_cast<int>(ExitCode::kInternal);
  std::thread serving([&config, &stop, &exit_code, finished]() {
    exit_code = Serve(config, stop);
    eventfd_write(finished, 1);
  });
  bool told_to_end = false;
  while (true) {
    pollfd descriptors[2] = {{.fd = finished, .events = POLLIN, .revents = 0},
                             {.fd = signals, .events = POLLIN, .revents = 0}};
    if (poll(descriptors, 2, -1) < 0) {
      continue;  // interrupted
    }
    if (descriptors[0].revents != 0) {
      break;
    }
    signalfd_siginfo received = {};
    if (read(signals, &received, sizeof(received)) != sizeof(received)) {
      continue;
    }
    if (told_to_end) {
      // Acknowledged writes are durable: there is nothing that an immediate end could lose.
      _exit(128 + static_cast<int>(received.ssi_signo));
    }
    told_to_end = true;
    stop.Ask(StopCause::kSignal);
  }
  serving.join();
  close(signals);
  close(finished);
  return exit_code;
}

}  // namespace perigee::server
