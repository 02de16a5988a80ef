// SPDX-License-Identifier: Apache-2.0
//
// What the command line prints: tables for people, one JSON document for programs (--json).
//
// Invariants: standard output carries data only; JSON keys keep their order and names between
// releases; a table cell never breaks its line: control characters are escaped, long text is cut
// with "…". Thread-safety: functions without state.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "perigee/model/query.h"
#include "perigee/model/snapshot_report.h"
#include "perigee/model/status_report.h"
#include "perigee/model/write.h"

namespace perigee::tools {

enum class OutputFormat { kTable, kJson };

/// Columns as wide as their widest cell; the first row is the head.
void PrintTable(std::ostream& out, const std::vector<std::vector<std::string>>& rows);
/// 1234567 as "1,234,567".
std::string Thousands(uint64_t number);
/// 1536 as "1.5 KiB".
std::string HumanBytes(uint64_t bytes);
/// One line of at most `columns_max` characters.
std::string Cell(const std::string& text, size_t columns_max);

void PrintCollections(std::ostream& out, OutputFormat format,
                      const std::vector<CollectionDescription>& collections);
void PrintDescription(std::ostream& out, OutputFormat format,
                      const CollectionDescription& description);
void PrintStatus(std::ostream& out, OutputFormat format, const DatabaseStatus& status);
/// `what`: "snapshot" or "restored"; `where`: its directory or name.
void PrintSnapshot(std::ostream& out, OutputFormat format, const std::string& what,
                   const std::string& where, const SnapshotReport& report);
void PrintWrite(std::ostream& out, OutputFormat format, const std::string& verb,
                const WriteResult& result);
void PrintPoints(std::ostream& out, OutputFormat format, const std::vector<Point>& points,
                 const std::string& next_cursor);
void PrintQuery(std::ostream& out, OutputFormat format, const QueryResult& result);
void PrintCount(std::ostream& out, OutputFormat format, const CountResult& result);
void PrintExplain(std::ostream& out, OutputFormat format, const ExplainResult& result);

}  // namespace perigee::tools
