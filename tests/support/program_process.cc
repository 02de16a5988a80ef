// SPDX-License-Identifier: Apache-2.0
#include "tests/support/program_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "perigee/client/connection.h"
#include "storage/foundation/check.h"

namespace perigee::tests {
namespace {

std::string ProgramPath(const std::string& program) {
  return std::string(PERIGEE_BINARY_DIR) + "/" + program;
}

}  // namespace

ProgramProcess::ProgramProcess(const std::string& program,
                               const std::vector<std::string>& arguments,
                               const std::string& error_path, const Environment& environment) {
  const std::string path = program.front() == '/' ? program : ProgramPath(program);
  PERIGEE_CHECK(access(path.c_str(), X_OK) == 0, "no program ", path);
  int pipe_ends[2] = {-1, -1};
  PERIGEE_CHECK(pipe2(pipe_ends, O_CLOEXEC) == 0, "pipe: errno ", errno);
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  for (const auto& [name, value] : environment) {
    variables.push_back(name + "=" + value);
  }
  std::vector<char*> envp;
  for (std::string& variable : variables) {
    envp.push_back(variable.data());
  }
  envp.push_back(nullptr);
  const int error_file = open(error_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  PERIGEE_CHECK(error_file >= 0, "open ", error_path, ": errno ", errno);
  pid_ = fork();
  PERIGEE_CHECK(pid_ >= 0, "fork: errno ", errno);
  if (pid_ == 0) {
    dup2(pipe_ends[1], STDOUT_FILENO);
    dup2(error_file, STDERR_FILENO);
    execve(path.c_str(), argv.data(), envp.data());
    _exit(127);
  }
  close(pipe_ends[1]);
  close(error_file);
  output_ = pipe_ends[0];
}

ProgramProcess::~ProgramProcess() {
  if (Running()) {
    Signal(SIGKILL);
    Wait();
  }
  close(output_);
}

std::optional<std::string> ProgramProcess::ReadLine() {
  while (true) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    char bytes[4096];
    const ssize_t count = read(output_, bytes, sizeof(bytes));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return std::nullopt;  // an unfinished line of a killed program says nothing
    }
    buffer_.append(bytes, static_cast<size_t>(count));
  }
}

std::string ProgramProcess::ReadAll() {
  std::string all;
  while (std::optional<std::string> line = ReadLine()) {
    all += *line + "\n";
  }
  return all + buffer_;
}

void ProgramProcess::Signal(int signal) const { kill(pid_, signal); }

int ProgramProcess::Wait() {
  if (!exit_code_.has_value()) {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return *exit_code_;
}

bool ProgramProcess::Running() {
  if (exit_code_.has_value()) {
    return false;
  }
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return false;
  }
  return true;
}

ServerProcess::ServerProcess(const std::string& directory, const Options& options)
    : address_("unix:" + directory + ".sock"), log_path_(directory + ".server.log") {
  std::vector<std::string> words = options.under;
  words.push_back(words.empty() ? options.program : ProgramPath(options.program));
  const std::string program = words.front();
  words.erase(words.begin());
  for (const std::string& word : {std::string("--data"), directory, std::string("--listen"),
                                  address_, std::string("--io-backend"), options.io_backend}) {
    words.push_back(word);
  }
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  process_.emplace(program, words, log_path_, options.environment);
  for (int attempt = 0; attempt < 3'000; ++attempt) {
    const auto connection = client::Connection::Open(address_, {.connect_timeout_ms = 2'000});
    if (connection.ok()) {
      return;
    }
    if (!process_->Running()) {
      break;
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  PERIGEE_CHECK(false, "perigeed does not answer on ", address_, "; its log: ", Log());
}

std::string ServerProcess::Log() const {
  std::ostringstream text;
  text << std::ifstream(log_path_).rdbuf();
  return text.str();
}

}  // namespace perigee::tests
