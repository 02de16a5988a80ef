// SPDX-License-Identifier: Apache-2.0
//
// ProgramProcess: one of our programs run as a child process, to be talked to, signalled and
// killed.
//
// Invariants: only the process that this object started is ever signalled; the destructor kills and
// reaps it. Standard output is a pipe, standard error goes to a file.
// Thread-safety: one thread at a time, except Kill, which any thread may call.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace perigee::tests {

class ProgramProcess {
 public:
  /// Starts build/<preset>/bin/<program>; PERIGEE_CHECKs that it could be started.
  ProgramProcess(const std::string& program, const std::vector<std::string>& arguments,
                 const std::string& error_path);
  ~ProgramProcess();
  ProgramProcess(const ProgramProcess&) = delete;
  ProgramProcess& operator=(const ProgramProcess&) = delete;

  /// Everything written to standard output until it is closed.
  std::string ReadAll();
  /// The next line of standard output without its newline; nullopt at the end.
  std::optional<std::string> ReadLine();
  void Signal(int signal) const;
  /// Waits and returns the exit code, or 128 + the signal that ended it.
  int Wait();
  bool Running();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
  std::optional<int> exit_code_;
};

/// Starts perigeed on `data`, listening on a Unix socket beside it, and waits until it answers.
class ServerProcess {
 public:
  struct Options {
    std::string io_backend = "auto";
  };
  ServerProcess(const std::string& directory, const Options& options);

  /// "unix:<directory>.sock"
  const std::string& address() const { return address_; }
  ProgramProcess& process() { return *process_; }

 private:
  std::string address_;
  std::optional<ProgramProcess> process_;
};

}  // namespace perigee::tests
