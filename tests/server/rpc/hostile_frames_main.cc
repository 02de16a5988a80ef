// SPDX-License-Identifier: Apache-2.0
//
// Goal: no bytes that a stranger sends make the server touch memory that is not its own, hang or
// die. Method: hostile, truncated, oversized, mutated and random frames over a Unix socket to a
// real server in this process, cut into arbitrary pieces; then an honest client must be served. Run
// by ctest as it is and under valgrind. usage: perigee_hostile_frames ROUNDS [SEED]
#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <kj/debug.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tests/server/raw_client.h"
#include "tests/server/served_database.h"

namespace perigee::server {
namespace {

template <typename Fill>
std::string Frame(Fill fill) {
  capnp::MallocMessageBuilder message;
  fill(message.initRoot<capnp::rpc::Message>());
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

// Bootstrap, then hello and authenticate on the promised object: what an honest client sends.
std::string HonestConversation() {
  using Message = capnp::rpc::Message::Builder;
  std::string bytes = Frame([](Message m) { m.initBootstrap().setQuestionId(0); });
  for (uint32_t method = 0; method < 2; ++method) {
    bytes += Frame([method](Message m) {
      auto call = m.initCall();
      call.setQuestionId(1 + method);
      call.setInterfaceId(capnp::typeId<schema::Gateway>());
      call.setMethodId(static_cast<uint16_t>(method));
      call.initTarget().initPromisedAnswer().setQuestionId(0);
      if (method == 0) {
        call.initParams().getContent().initAs<schema::Gateway::HelloParams>();
      } else {
        call.initParams()
            .getContent()
            .initAs<schema::Gateway::AuthenticateParams>()
            .initCredential()
            .setNone();
      }
    });
  }
  return bytes;
}

std::string U32(uint32_t value) {
  std::string bytes;
  for (uint32_t shift = 0; shift < 32; shift += 8) {
    bytes += static_cast<char>((value >> shift) & 0xFFU);
  }
  return bytes;
}

std::vector<std::string> KnownHostile() {
  return {
      U32(0xFFFFFFFF) + U32(0),           // M1
      U32(0xFFFFFFFF) + U32(0xFFFFFFFF),  //
      U32(0xFFFFFFFE) + U32(0),           //
      U32(0) + U32(8U << 20U),            // M2: 64 MiB
      U32(0) + U32(0xFFFFFFFF),           // 32 GiB
      U32(63) + U32(1),                   // many segments
      U32(3) + U32(1) + U32(0xFFFFFFFF) + U32(1) + U32(0xFFFFFFFF) + U32(0),
      U32(0) + U32(0),                           // nothing
      U32(0) + U32(1) + std::string(8, '\xFF'),  // a wild root pointer
      U32(0) + U32(2) + U32(0xFFFFFFFC) + U32(0xFFFF) + std::string(8, '\0'),
      "GET / HTTP/1.1\r\n\r\n",
  };
}

// Sends `bytes` in pieces and waits until the server has closed.
bool Survives(const ServedDatabase& served, const std::string& bytes, std::mt19937_64& random) {
  RawClient client(served.socket_path());
  for (size_t from = 0; from < bytes.size();) {
    const size_t count = std::min<size_t>(bytes.size() - from, 1 + random() % 64);
    client.Send(std::string_view(bytes).substr(from, count));
    from += count;
  }
  kj::runCatchingExceptions([&client]() { client.CloseWriting(); });
  return client.IsClosed();
}

int Run(int rounds, uint64_t seed) {
  std::mt19937_64 random(seed);
  ServedDatabase served;
  KJ_REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
  int survived = 0;
  const auto send = [&](const std::string& bytes) {
    KJ_REQUIRE(Survives(served, bytes, random), "a connection stayed open", seed);
    ++survived;
  };
  for (const std::string& bytes : KnownHostile()) {
    send(bytes);
  }
  const std::string honest = HonestConversation();
  for (size_t length = 0; length < honest.size(); length += 1 + random() % 7) {
    send(honest.substr(0, length));
  }
  for (int i = 0; i < rounds; ++i) {
    std::string mutated = honest;
    for (uint64_t j = 1 + random() % 8; j > 0; --j) {
      mutated[random() % mutated.size()] = static_cast<char>(random());
    }
    send(mutated);
    std::string noise(random() % 200, '\0');
    for (char& byte : noise) {
      byte = static_cast<char>(random());
    }
    // Half of the noise has a plausible header, so that it gets past the guard.
    if (i % 2 == 0) {
      noise.resize((noise.size() + 8) / 8 * 8);
      noise = U32(0) + U32(static_cast<uint32_t>(noise.size() / 8)) + noise;
    }
    send(noise);
  }
  RawClient client(served.socket_path());
  const auto count = client.Wait(client.Collection("docs").countRequest().send());
  KJ_REQUIRE(count.getResult().isCounted());
  std::cout << survived << " hostile conversations (seed " << seed << "); the server goes on\n";
  return 0;
}

}  // namespace
}  // namespace perigee::server

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 50;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  return perigee::server::Run(rounds, seed);
}
