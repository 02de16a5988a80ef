// SPDX-License-Identifier: Apache-2.0
//
// perigee_directory_seeds OUT DATA_DIRECTORY...: turns data directories into the inputs from which
// the targets log and manifest start, in OUT/log and OUT/manifest; tests/fuzz/seed runs it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "perigee/model/exit_code.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "storage/layout/identity.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/log_document.h"
#include "tests/fuzz/log_image.h"
#include "tests/fuzz/sparse_image.h"

namespace perigee::tests {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void WriteFile(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream << bytes;
  stream.close();
  PERIGEE_CHECK(stream.good(), path.string());
}

// The newest log files, and a manifest that has applied what was in front of them.
void WriteLog(const fs::path& directory, const fs::path& to) {
  std::set<fs::path> paths;
  if (fs::is_directory(directory / "wal")) {
    for (const auto& entry : fs::directory_iterator(directory / "wal")) {
      paths.insert(entry.path());
    }
  }
  while (paths.size() > LogDocument::kFilesMax) {
    paths.erase(paths.begin());
  }
  const auto identity = storage::DecodeIdentity(storage::AsBytes(ReadFile(directory / "IDENTITY")));
  PERIGEE_CHECK(identity.ok(), identity.status().ToString());
  LogDocument document = {.database = identity->database_uuid};
  for (const fs::path& path : paths) {
    LogImage log = LogImage::Parse(ReadFile(path));
    log.Shrink();
    if (document.files.empty()) {
      document.applied_lsn = log.After(0).lsn - 1;
    }
    document.files[static_cast<uint8_t>(log.number())] = log.Bytes();
  }
  WriteFile(to, document.Encode());
}

void WriteSeeds(const fs::path& directory, const fs::path& out) {
  const fs::path plain = (directory / "").parent_path();
  const std::string name =
      absl::StrCat(plain.parent_path().filename().string(), "-", plain.filename().string());
  WriteLog(directory, out / "log" / name);
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string file = entry.path().filename().string();
    const fs::path to = out / "manifest" / absl::StrCat(name, "-", file);
    if (file == "IDENTITY" || file == "CURRENT") {
      WriteFile(to, std::string(1, file == "IDENTITY" ? '\0' : '\1') + ReadFile(entry.path()));
    } else if (file.starts_with("MANIFEST-")) {
      WriteFile(to, "\2" + PackImage(ReadFile(entry.path()).substr(0, kImageBytesMax)));
    }
  }
}

int Run(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: perigee_directory_seeds OUT DATA_DIRECTORY...\n");
    return static_cast<int>(ExitCode::kUsage);
  }
  for (int i = 2; i < count; ++i) {
    WriteSeeds(fs::path(arguments[i]), fs::path(arguments[1]));
  }
  return 0;
}

}  // namespace

// Nothing is mutated here.
size_t MutatePlainBytes(uint8_t* /*data*/, size_t size, size_t /*size_max*/) { return size; }

}  // namespace perigee::tests

int main(int count, char** arguments) { return perigee::tests::Run(count, arguments); }
