// SPDX-License-Identifier: Apache-2.0
//
// Prints what verify found: for a person, or as one JSON document with a version of its schema
// (docs/inspect.md describes it).
//
// Invariants: both forms say the same; the exit code follows from the findings alone.
// Thread-safety: functions without state.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "tools/inspect/database_verifier.h"
#include "tools/inspect/finding.h"

namespace perigee::tools::inspect {

/// 2 damage, 3 the operating system could not read something, 4 a later version wrote it, 0 else;
/// the first that applies.
int VerifyExitCode(const FindingList& findings);

void PrintFindings(const FindingList& findings, std::ostream& out);
nlohmann::ordered_json FindingsJson(const FindingList& findings);

void PrintReport(const VerifyReport& report, std::ostream& out);
nlohmann::ordered_json ReportJson(const VerifyReport& report);

/// "1,234"
std::string Grouped(uint64_t number);
/// "1.5 MiB"
std::string BytesText(uint64_t bytes);

}  // namespace perigee::tools::inspect
