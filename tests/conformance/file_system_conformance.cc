// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/file_system_conformance.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <thread>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/io/aligned_buffer.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

constexpr OpenOptions kCreate{.mode = OpenMode::kCreateExclusive};
constexpr OpenOptions kReadWrite{.mode = OpenMode::kReadWrite};

std::unique_ptr<File> MustOpen(FileSystem& file_system, const std::string& path,
                               const OpenOptions& options) {
  auto file = file_system.Open(path, options);
  REQUIRE_MESSAGE(file.ok(), std::string(file.status().message()));
  return *std::move(file);
}

std::unique_ptr<File> FileWith(FileSystem& file_system, const std::string& path,
                               std::string_view text) {
  auto file = MustOpen(file_system, path, kCreate);
  REQUIRE(file->Write(0, AsBytes(text)).ok());
  return file;
}

std::string ReadText(File& file, uint64_t offset, size_t length) {
  std::string text(length, '?');
  const auto count = file.Read(offset, std::as_writable_bytes(std::span(text)));
  REQUIRE(count.ok());
  text.resize(*count);
  return text;
}

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>((i * 131) ^ (i >> 8U));
  }
  return bytes;
}

absl::StatusCode OpenCode(FileSystem& file_system, const std::string& path,
                          const OpenOptions& options) {
  return file_system.Open(path, options).status().code();
}

void CreatesExclusively(FileSystem& disk, const std::string& directory) {
  const std::string path = directory + "/f";
  CHECK(OpenCode(disk, path, {}) == absl::StatusCode::kNotFound);
  CHECK(OpenCode(disk, path, kReadWrite) == absl::StatusCode::kNotFound);
  CHECK(OpenCode(disk, directory + "/no/f", kCreate) == absl::StatusCode::kNotFound);
  FileWith(disk, path, "text");
  CHECK(OpenCode(disk, path, kCreate) == absl::StatusCode::kAlreadyExists);
  auto reader = MustOpen(disk, path, {});
  CHECK(ReadText(*reader, 0, 10) == "text");
  CHECK(reader->path() == path);
  CHECK_FALSE(reader->Write(0, AsBytes("x")).ok());
  CHECK_FALSE(reader->Truncate(0).ok());
  auto writer = MustOpen(disk, path, kReadWrite);
  CHECK(writer->Write(0, AsBytes("T")).ok());
  CHECK(ReadText(*reader, 0, 10) == "Text");
}

void OpensOnlyFiles(FileSystem& disk, const std::string& directory) {
  CHECK_FALSE(disk.Open(directory, {}).ok());
  CHECK_FALSE(disk.Open(directory, kReadWrite).ok());
}

void ReadsShortOnlyAtTheEnd(FileSystem& disk, const std::string& directory) {
  auto file = FileWith(disk, directory + "/f", "0123456789");
  CHECK(ReadText(*file, 0, 10) == "0123456789");
  CHECK(ReadText(*file, 3, 4) == "3456");
  CHECK(ReadText(*file, 8, 100) == "89");
  CHECK(ReadText(*file, 10, 100).empty());
  CHECK(ReadText(*file, 1000, 100).empty());
  CHECK(ReadText(*file, 2, 0).empty());
  auto empty = MustOpen(disk, directory + "/empty", kCreate);
  CHECK(ReadText(*empty, 0, 1).empty());
}

void WritesExtendWithZeros(FileSystem& disk, const std::string& directory) {
  auto file = FileWith(disk, directory + "/f", "abc");
  REQUIRE(file->Write(5, AsBytes("xyz")).ok());
  CHECK(*file->Size() == 8);
  CHECK(ReadText(*file, 0, 100) == std::string("abc\0\0xyz", 8));
  REQUIRE(file->Write(1, AsBytes("BC")).ok());
  CHECK(ReadText(*file, 0, 3) == "aBC");
  REQUIRE(file->Write(100, {}).ok());
  CHECK(*file->Size() == 8);
}

void Allocates(FileSystem& disk, const std::string& directory) {
  auto file = FileWith(disk, directory + "/f", "abc");
  REQUIRE(file->Allocate(2).ok());
  CHECK(*file->Size() == 3);
  REQUIRE(file->Allocate(6).ok());
  CHECK(ReadText(*file, 0, 100) == std::string("abc\0\0\0", 6));
  REQUIRE(file->Truncate(4).ok());
  CHECK(*file->Size() == 4);
  REQUIRE(file->Allocate(3U << 20U).ok());
  CHECK(*file->Size() == 3U << 20U);
  const auto reader = disk.Open(directory + "/f", {});
  REQUIRE(reader.ok());
  CHECK_FALSE((*reader)->Allocate(4U << 20U).ok());
}

void Truncates(FileSystem& disk, const std::string& directory) {
  auto file = FileWith(disk, directory + "/f", "abcdef");
  REQUIRE(file->Truncate(2).ok());
  CHECK(*file->Size() == 2);
  REQUIRE(file->Truncate(5).ok());
  CHECK(ReadText(*file, 0, 100) == std::string("ab\0\0\0", 5));
  REQUIRE(file->Truncate(0).ok());
  CHECK(*file->Size() == 0);
}

void MovesLargeRanges(FileSystem& disk, const std::string& directory) {
  const std::string bytes = Pattern((3U << 20U) + 17);
  auto file = FileWith(disk, directory + "/f", bytes);
  REQUIRE(file->Sync().ok());
  CHECK(*file->Size() == bytes.size());
  CHECK(ReadText(*file, 0, bytes.size() + 5) == bytes);
}

void ReadsBatches(FileSystem& disk, const std::string& directory) {
  const std::string bytes = Pattern(300'000);
  auto file = FileWith(disk, directory + "/f", bytes);
  const uint64_t seed = tests::TestSeed(1);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const size_t count : {0U, 1U, 2U, 63U, 64U, 65U, 300U}) {
    std::vector<std::string> buffers(count);
    std::vector<ReadRequest> requests;
    for (std::string& buffer : buffers) {
      buffer.resize(random() % 5 == 0 ? random() % 100'000 : random() % 3000);
      requests.push_back({.offset = random() % 310'000,
                          .buffer = std::as_writable_bytes(std::span(buffer)),
                          .bytes_read = 77});
    }
    REQUIRE(file->ReadBatch(requests).ok());
    for (size_t i = 0; i < count; ++i) {
      const size_t available =
          requests[i].offset < bytes.size() ? bytes.size() - requests[i].offset : 0;
      REQUIRE(requests[i].bytes_read == std::min(buffers[i].size(), available));
      const std::string_view read = std::string_view(buffers[i]).substr(0, requests[i].bytes_read);
      REQUIRE(read == std::string_view(bytes).substr(
                          std::min<size_t>(requests[i].offset, bytes.size()), read.size()));
    }
  }
}

void Renames(FileSystem& disk, const std::string& directory) {
  const std::string a = directory + "/a";
  const std::string b = directory + "/d/b";
  REQUIRE(disk.CreateDirectory(directory + "/d").ok());
  auto open = FileWith(disk, a, "one");
  FileWith(disk, b, "two");
  REQUIRE(disk.Rename(a, b).ok());
  CHECK(absl::IsNotFound(disk.Stat(a).status()));
  CHECK(ReadText(*MustOpen(disk, b, {}), 0, 10) == "one");
  CHECK(absl::IsNotFound(disk.Rename(a, b)));
  REQUIRE(open->Write(0, AsBytes("ONE")).ok());  // an open file follows its bytes
  CHECK(ReadText(*MustOpen(disk, b, {}), 0, 10) == "ONE");
  CHECK(disk.SyncDirectory(directory).ok());
  CHECK(disk.SyncDirectory(directory + "/d").ok());
}

void Links(FileSystem& disk, const std::string& directory) {
  const std::string a = directory + "/a";
  const std::string b = directory + "/b";
  auto file = FileWith(disk, a, "one");
  REQUIRE(disk.Link(a, b).ok());
  CHECK(disk.Link(a, b).code() == absl::StatusCode::kAlreadyExists);
  CHECK(absl::IsNotFound(disk.Link(directory + "/no", directory + "/c")));
  CHECK(disk.Stat(a)->inode == disk.Stat(b)->inode);
  REQUIRE(file->Write(3, AsBytes("!")).ok());
  REQUIRE(disk.RemoveFile(a).ok());
  CHECK(ReadText(*MustOpen(disk, b, {}), 0, 10) == "one!");
}

void Removes(FileSystem& disk, const std::string& directory) {
  auto file = FileWith(disk, directory + "/f", "text");
  CHECK_FALSE(disk.RemoveDirectory(directory + "/f").ok());
  REQUIRE(disk.RemoveFile(directory + "/f").ok());
  CHECK(absl::IsNotFound(disk.RemoveFile(directory + "/f")));
  CHECK(ReadText(*file, 0, 10) == "text");  // open files outlive their names
  FileWith(disk, directory + "/f", "new");
  CHECK(ReadText(*file, 0, 10) == "text");
}

void MakesDirectories(FileSystem& disk, const std::string& directory) {
  const std::string child = directory + "/d";
  REQUIRE(disk.CreateDirectory(child).ok());
  CHECK(disk.CreateDirectory(child).code() == absl::StatusCode::kAlreadyExists);
  CHECK(absl::IsNotFound(disk.CreateDirectory(directory + "/no/d")));
  FileWith(disk, child + "/f", "");
  CHECK_FALSE(disk.RemoveFile(child).ok());
  CHECK_FALSE(disk.RemoveDirectory(child).ok());
  REQUIRE(disk.RemoveFile(child + "/f").ok());
  REQUIRE(disk.RemoveDirectory(child).ok());
  CHECK(absl::IsNotFound(disk.RemoveDirectory(child)));
  CHECK(absl::IsNotFound(disk.SyncDirectory(child)));
}

void ListsInOrder(FileSystem& disk, const std::string& directory) {
  CHECK(disk.List(directory)->empty());
  for (const char* name : {"b", "a", "B", "10", "9", "a.b"}) {
    FileWith(disk, directory + "/" + name, "");
  }
  REQUIRE(disk.CreateDirectory(directory + "/c").ok());
  CHECK(*disk.List(directory) == std::vector<std::string>{"10", "9", "B", "a", "a.b", "b", "c"});
  CHECK(absl::IsNotFound(disk.List(directory + "/no").status()));
  CHECK_FALSE(disk.List(directory + "/a").ok());
}

void TellsStatus(FileSystem& disk, const std::string& directory) {
  FileWith(disk, directory + "/f", "12345");
  FileWith(disk, directory + "/g", "");
  const auto file = disk.Stat(directory + "/f");
  REQUIRE(file.ok());
  CHECK(file->size == 5);
  CHECK(file->is_regular_file);
  CHECK_FALSE(file->is_directory);
  CHECK(file->inode != disk.Stat(directory + "/g")->inode);
  CHECK(file->device == disk.Stat(directory + "/g")->device);
  const auto folder = disk.Stat(directory);
  REQUIRE(folder.ok());
  CHECK(folder->is_directory);
  CHECK_FALSE(folder->is_regular_file);
  CHECK(disk.Stat(directory + "/.")->inode == folder->inode);
  CHECK(absl::IsNotFound(disk.Stat(directory + "/no").status()));
  const auto space = disk.Space(directory);
  REQUIRE(space.ok());
  CHECK(space->available_bytes > 0);
  CHECK(space->available_bytes <= space->total_bytes);
}

void LocksOnce(FileSystem& disk, const std::string& directory) {
  const std::string path = directory + "/LOCK";
  CHECK(absl::IsNotFound(disk.Lock(path).status()));
  FileWith(disk, path, "");
  auto lock = disk.Lock(path);
  REQUIRE(lock.ok());
  CHECK(GetErrorReason(disk.Lock(path).status()) == ErrorReason::kLocked);
  MustOpen(disk, path, kReadWrite).reset();  // closing another handle must not free it
  CHECK(GetErrorReason(disk.Lock(path).status()) == ErrorReason::kLocked);
  lock->reset();
  CHECK(disk.Lock(path).ok());
}

void ReadsAndWritesDirectly(FileSystem& disk, const std::string& directory) {
  const std::string path = directory + "/f";
  auto file = MustOpen(disk, path, {.mode = OpenMode::kCreateExclusive, .direct = true});
  const size_t unit = file->alignment();
  REQUIRE(unit > 0);
  CHECK(AlignedBuffer::kDefaultAlignment % unit == 0);
  CHECK(file->is_direct() == (unit > 1));
  const std::string bytes = Pattern(AlignedBuffer::kDefaultAlignment * 5);
  AlignedBuffer buffer(bytes.size());
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(buffer.data()));
  REQUIRE(file->Write(0, buffer.bytes()).ok());
  REQUIRE(file->Write(bytes.size(), buffer.bytes()).ok());
  REQUIRE(file->Sync().ok());
  CHECK(*file->Size() == 2 * bytes.size());

  AlignedBuffer read(3 * bytes.size());
  CHECK(*file->Read(bytes.size(), read.bytes().first(bytes.size())) == bytes.size());
  CHECK(AsText(read.bytes().first(bytes.size())) == bytes);
  CHECK(*file->Read(bytes.size(), read.bytes()) == bytes.size());  // to the end and no further
  REQUIRE(file->Truncate(bytes.size() + 100).ok());
  CHECK(*file->Read(bytes.size(), read.bytes()) == 100);
  CHECK(*file->Read(bytes.size() + AlignedBuffer::kDefaultAlignment, read.bytes()) == 0);

  std::vector<ReadRequest> requests;
  for (size_t i = 0; i < 3; ++i) {
    requests.push_back({.offset = i * bytes.size(),
                        .buffer = read.bytes().subspan(i * bytes.size(), bytes.size())});
  }
  REQUIRE(file->ReadBatch(requests).ok());
  CHECK(requests[0].bytes_read == bytes.size());
  CHECK(requests[1].bytes_read == 100);
  CHECK(requests[2].bytes_read == 0);
  CHECK(AsText(read.bytes().first(bytes.size())) == bytes);

  auto buffered = MustOpen(disk, path, {});
  CHECK_FALSE(buffered->is_direct());
  CHECK(buffered->alignment() == 1);
  CHECK(ReadText(*buffered, 1, bytes.size()) == bytes.substr(1) + bytes[0]);
}

void NamesThePathInErrors(FileSystem& disk, const std::string& directory) {
  const std::string path = directory + "/missing";
  const auto names_it = [&path](const absl::Status& status) {
    return std::string(status.message()).find(path) != std::string::npos;
  };
  CHECK(names_it(disk.Open(path, {}).status()));
  CHECK(names_it(disk.RemoveFile(path)));
  CHECK(names_it(disk.RemoveDirectory(path)));
  CHECK(names_it(disk.SyncDirectory(path)));
  CHECK(names_it(disk.Stat(path).status()));
  CHECK(names_it(disk.List(path).status()));
  CHECK(names_it(disk.Lock(path).status()));
  CHECK(names_it(disk.Rename(path, directory + "/b")));
  CHECK(names_it(disk.Link(path, directory + "/b")));
}

void ServesThreads(FileSystem& disk, const std::string& directory) {
  const std::string bytes = Pattern(100'000);
  auto shared = FileWith(disk, directory + "/shared", bytes);
  std::array<bool, 4> good = {};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      bool all = true;
      auto own = disk.Open(directory + "/own" + std::to_string(t), kCreate);
      all = own.ok();
      std::string buffer(1000, '\0');
      for (size_t i = 0; all && i < 100; ++i) {
        const size_t offset = (i * 7919 + t * 104'729) % (bytes.size() - buffer.size());
        const auto count = shared->Read(offset, std::as_writable_bytes(std::span(buffer)));
        all = count.ok() && *count == buffer.size() &&
              std::string_view(bytes).substr(offset, buffer.size()) == buffer;
        all = all && (*own)->Write(i * buffer.size(), AsBytes(buffer)).ok();
      }
      good[t] = all && (*own)->Sync().ok() && *(*own)->Size() == 100 * buffer.size();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const bool one : good) {
    CHECK(one);
  }
}

constexpr FileSystemCase kCases[] = {
    {"creates exclusively", CreatesExclusively},
    {"opens only files", OpensOnlyFiles},
    {"reads short only at the end", ReadsShortOnlyAtTheEnd},
    {"writes extend with zeros", WritesExtendWithZeros},
    {"truncates", Truncates},
    {"allocates", Allocates},
    {"moves large ranges", MovesLargeRanges},
    {"reads batches", ReadsBatches},
    {"renames", Renames},
    {"links", Links},
    {"removes", Removes},
    {"makes directories", MakesDirectories},
    {"lists in order", ListsInOrder},
    {"tells status", TellsStatus},
    {"locks once", LocksOnce},
    {"reads and writes directly", ReadsAndWritesDirectly},
    {"names the path in errors", NamesThePathInErrors},
    {"serves threads", ServesThreads},
};

}  // namespace

std::span<const FileSystemCase> FileSystemCases() { return kCases; }

}  // namespace perigee::storage
