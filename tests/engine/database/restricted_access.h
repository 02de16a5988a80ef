// SPDX-License-Identifier: Apache-2.0
//
// A stand-in for the server's authenticator, the only class that can make a restricted Access; the
// engine's tests do not link the server.
//
// Invariants: this definition is never part of a program that has the real one.
// Thread-safety: a function without state.
#pragma once

#include <initializer_list>

#include "perigee/access.h"

namespace perigee::server {

class Authenticator {
 public:
  static Access Make(std::initializer_list<Right> rights) {
    uint32_t bits = 0;
    for (const Right right : rights) {
      bits |= static_cast<uint32_t>(right);
    }
    return Access(Access::Passkey(), "tester", bits);
  }
};

}  // namespace perigee::server
