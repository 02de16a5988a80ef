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

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace perigee::tests {

class ProgramProcess {
 public:
  using Environment = std::map<std::string, std::string>;

  /// Starts build/<preset>/bin/<program>, or a program of the system when its path is absolute;
  /// PERIGEE_CHECKs that it could be started. `environment` is added to that of this process.
  ProgramProcess(const std::string& program, const std::vector<std::string>& arguments,
                 const std::string& error_path, const Environment& environment = {});
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
    std::string program = "perigeed";
    std::vector<std::string> arguments = {};  ///< besides data, address and backend
    ProgramProcess::Environment environment = {};
    /// A program and its arguments that runs the server, such as strace.
    std::vector<std::string> under = {};
  };
  ServerProcess(const std::string& directory, const Options& options);

  /// "unix:<directory>.sock"
  const std::string& address() const { return address_; }
  ProgramProcess& process() { return *process_; }
  /// What the server wrote to standard error so far, and the servers before it on this directory.
  std::string Log() const;

 private:
  std::string address_;
  std::string log_path_;
  std::optional<ProgramProcess> process_;
};

}  // namespace perigee::tests
