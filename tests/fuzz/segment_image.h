// SPDX-License-Identifier: Apache-2.0
//
// Where the parts of a segment file or a deletion file stand, read loosely from its own bytes, so
// that a mutation can reach a field and the checksums above it can be made right again.
//
// Invariants: every function works on any bytes; what does not fit is left alone.
// Thread-safety: pure functions.
#pragma once

#include <string>

#include "tests/fuzz/byte_mutator.h"

namespace perigee::tests {

/// Page checksums, hashes of the tables, root checksum, checksums of header and footer.
void RepairSegment(std::string& image);
/// One change of a header field, a footer field, a directory entry or the bytes of a section.
void MutateSegment(std::string& image, ByteMutator& mutator);

/// Hash of the body, checksum of the header.
void RepairDeletionFile(std::string& bytes);
void MutateDeletionFile(std::string& bytes, ByteMutator& mutator);

}  // namespace perigee::tests
