// SPDX-License-Identifier: Apache-2.0
#include "storage/io/full_transfer.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "tests/support/test_seed.h"

namespace perigee::storage {
namespace {

// A kernel that answers as told, then moves everything: positive answers are short counts.
struct FakeKernel {
  std::string content;
  std::vector<ssize_t> answers = {};
  std::vector<uint64_t> offsets = {};

  ssize_t Next(uint64_t offset, size_t size) {
    offsets.push_back(offset);
    if (answers.empty()) {
      return static_cast<ssize_t>(size);
    }
    const ssize_t answer = answers.front();
    answers.erase(answers.begin());
    return std::min(answer, static_cast<ssize_t>(size));
  }

  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) {
    const size_t available = offset < content.size() ? content.size() - offset : 0;
    const ssize_t count = Next(offset, std::min(buffer.size(), available));
    if (count > 0) {
      std::memcpy(buffer.data(), content.data() + offset, static_cast<size_t>(count));
    }
    return count;
  }

  ssize_t Write(uint64_t offset, std::span<const std::byte> bytes) {
    const ssize_t count = Next(offset, bytes.size());
    if (count > 0) {
      content.resize(std::max<size_t>(content.size(), offset + static_cast<size_t>(count)));
      std::memcpy(content.data() + offset, bytes.data(), static_cast<size_t>(count));
    }
    return count;
  }
};

ssize_t ReadAll(FakeKernel& kernel, std::string& buffer, size_t alignment = 1) {
  return ReadFully(
      [&kernel](uint64_t offset, std::span<std::byte> rest) { return kernel.Read(offset, rest); },
      0, std::as_writable_bytes(std::span(buffer)), alignment);
}

int WriteAll(FakeKernel& kernel, std::string_view text, size_t alignment = 1) {
  return WriteFully(
      [&kernel](uint64_t offset, std::span<const std::byte> rest) -> ssize_t {
        return kernel.Write(offset, rest);
      },
      0, AsBytes(text), alignment);
}

TEST_CASE("short and interrupted reads are continued") {
  FakeKernel kernel{.content = "0123456789", .answers = {3, -EINTR, 1, -EAGAIN, -EINTR, 2}};
  std::string buffer(10, '?');
  CHECK(ReadAll(kernel, buffer) == 10);
  CHECK(buffer == kernel.content);
  CHECK(kernel.offsets == std::vector<uint64_t>{0, 3, 3, 4, 4, 4, 6});
}

TEST_CASE("reads end at the end of the file or with an error") {
  FakeKernel kernel{.content = "0123"};
  std::string buffer(10, '?');
  CHECK(ReadAll(kernel, buffer) == 4);
  kernel.answers = {2, -EIO};
  CHECK(ReadAll(kernel, buffer) == -EIO);
}

TEST_CASE("direct reads stop behind the last whole unit") {
  FakeKernel kernel{.content = std::string(1300, 'x')};
  std::string buffer(4096, '?');
  CHECK(ReadAll(kernel, buffer, 512) == 1300);
  CHECK(kernel.offsets.size() == 1);  // another call would begin off the alignment
  kernel.answers = {512};
  kernel.offsets.clear();
  CHECK(ReadAll(kernel, buffer, 512) == 1300);
  CHECK(kernel.offsets == std::vector<uint64_t>{0, 512});
}

TEST_CASE("short and interrupted writes are continued") {
  FakeKernel kernel{.content = "", .answers = {3, -EINTR, 1, -EAGAIN, 2}};
  CHECK(WriteAll(kernel, "0123456789") == 0);
  CHECK(kernel.content == "0123456789");
  CHECK(kernel.offsets == std::vector<uint64_t>{0, 3, 3, 4, 4, 6});
}

TEST_CASE("direct writes continue from the last whole unit") {
  const std::string text(1536, 'y');
  FakeKernel kernel{.content = "", .answers = {700}};
  CHECK(WriteAll(kernel, text, 512) == 0);
  CHECK(kernel.content == text);
  CHECK(kernel.offsets == std::vector<uint64_t>{0, 512});
}

TEST_CASE("writes without progress are errors") {
  FakeKernel none{.content = "", .answers = {0}};
  CHECK(WriteAll(none, "text") == -EIO);
  FakeKernel less_than_a_unit{.content = "", .answers = {100}};
  CHECK(WriteAll(less_than_a_unit, std::string(1024, 'x'), 512) == -EIO);
  FakeKernel full{.content = "", .answers = {2, -ENOSPC}};
  CHECK(WriteAll(full, "text") == -ENOSPC);
}

TEST_CASE("each part of a batch is continued until it is whole") {
  FakeKernel kernel{.content = std::string(5000, '\0')};
  for (size_t i = 0; i < kernel.content.size(); ++i) {
    kernel.content[i] = static_cast<char>(i * 7);
  }
  const auto call = [&kernel](std::span<ReadPart> parts) {
    for (ReadPart& part : parts) {
      part.result = kernel.Read(part.offset, part.buffer);
    }
  };
  std::vector<std::string> buffers(4, std::string(1000, '?'));
  std::vector<ReadRequest> requests;
  for (size_t i = 0; i < 3; ++i) {
    requests.push_back({.offset = 1000 * i + 2500,
                        .buffer = std::as_writable_bytes(std::span(buffers[i])),
                        .bytes_read = 99});
  }
  requests.push_back({.offset = 0, .buffer = {}, .bytes_read = 99});
  kernel.answers = {300, -EINTR, 100, 1, -EAGAIN, 400};
  REQUIRE(ReadBatchFully(call, requests, 1) == 0);
  CHECK(buffers[0] == kernel.content.substr(2500, 1000));
  CHECK(buffers[1] == kernel.content.substr(3500, 1000));
  CHECK(requests[1].bytes_read == 1000);
  CHECK(requests[2].bytes_read == 500);  // the end of the file
  CHECK(buffers[2].substr(0, 500) == kernel.content.substr(4500));
  CHECK(requests[3].bytes_read == 0);

  kernel.answers = {300, 1000, 500, -EIO};
  CHECK(ReadBatchFully(call, requests, 1) == -EIO);
  requests.resize(1);
  kernel.answers = {700};  // off the alignment: what a direct file gives at its end
  CHECK(ReadBatchFully(call, requests, 512) == 0);
  CHECK(requests[0].bytes_read == 700);
}

TEST_CASE("any sequence of answers moves every byte once") {
  const uint64_t seed = tests::TestSeed(20);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::string text(random() % 200 + 1, '\0');
    for (char& letter : text) {
      letter = static_cast<char>(random());
    }
    FakeKernel kernel;
    for (size_t i = random() % 20; i > 0; --i) {
      const uint64_t kind = random() % 4;
      kernel.answers.push_back(kind == 0   ? -EINTR
                               : kind == 1 ? -EAGAIN
                                           : static_cast<ssize_t>(random() % 30 + 1));
    }
    const auto answers = kernel.answers;
    REQUIRE(WriteAll(kernel, text) == 0);
    REQUIRE(kernel.content == text);
    kernel.answers = answers;
    std::string buffer(text.size() + 7, '?');
    REQUIRE(ReadAll(kernel, buffer) == static_cast<ssize_t>(text.size()));
    REQUIRE(buffer.substr(0, text.size()) == text);
  }
}

}  // namespace
}  // namespace perigee::storage
