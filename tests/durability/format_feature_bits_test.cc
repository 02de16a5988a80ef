// SPDX-License-Identifier: Apache-2.0
//
// Goal: a file of a later version is read as far as its feature masks allow, and refused by the
// name of the feature where they do not (F6); never guessed at. Method: bits of the future are set
// in each masked file of a small database, and bytes where zeros are reserved, with all checksums
// repaired, so that they alone decide; then the database is opened in both ways and read.
#include <doctest/doctest.h>

#include <string>

#include "storage/foundation/error_reason.h"
#include "storage/segment/segment_format.h"
#include "tests/durability/damage_sample.h"
#include "tests/durability/feature_change.h"

namespace perigee::engine {
namespace {

using storage::SimulatedFileSystem;

constexpr int kBits[] = {0, 1, 17, 63};

OpenOptions OptionsOf(bool read_only) {
  OpenOptions options = SmallOptions();
  options.create_if_missing = false;
  options.read_only = read_only;
  return options;
}

void CheckOpens(SimulatedFileSystem& disk, bool read_only, const DatabaseReading& expected) {
  const auto database = MustOpen(disk, OptionsOf(read_only));
  CHECK(SameAnswers(ReadEverything(*database), expected));
}

void CheckRefused(SimulatedFileSystem& disk, bool read_only, const std::string& file,
                  const std::string& feature) {
  const auto database = OpenOn(disk, OptionsOf(read_only));
  CHECK(GetErrorReason(database.status()) == ErrorReason::kUnknownFormat);
  const std::string message(database.status().message());
  CHECK_MESSAGE(message.find(file) != std::string::npos, message);
  CHECK_MESSAGE(message.find(feature) != std::string::npos, message);
}

const DamageSample& Sample() {
  static const DamageSample sample = MakeSmallSample(SampleEnd::kClosed);
  return sample;
}

constexpr MaskedFile kFiles[] = {MaskedFile::kIdentity, MaskedFile::kManifest, MaskedFile::kLog,
                                 MaskedFile::kSegment, MaskedFile::kDeletion};

TEST_SUITE("durability") {
  TEST_CASE("unknown compat features are ignored") {
    for (const MaskedFile file : kFiles) {
      for (const int bit : kBits) {
        CAPTURE(static_cast<int>(file));
        CAPTURE(bit);
        const auto disk = CopyOf(*Sample().disk);
        SetFeature(*disk, file, FeatureMask::kCompat, bit);
        CheckOpens(*disk, true, Sample().published.back());
        CheckOpens(*disk, false, Sample().expected());
      }
    }
  }

  TEST_CASE("unknown ro_compat features allow reading only") {
    for (const MaskedFile file : kFiles) {
      for (const int bit : kBits) {
        CAPTURE(static_cast<int>(file));
        CAPTURE(bit);
        const auto disk = CopyOf(*Sample().disk);
        const std::string name = SetFeature(*disk, file, FeatureMask::kRoCompat, bit);
        CheckOpens(*disk, true, Sample().published.back());
        if (file != MaskedFile::kSegment) {
          CheckRefused(*disk, false, name,
                       file == MaskedFile::kDeletion
                           ? "ro_compat"
                           : "ro_compat bit " + std::to_string(bit) + " (unknown");
        }
      }
    }
  }

  TEST_CASE("a segment with unknown ro_compat features is searched and not rewritten") {
    const auto disk = CopyOf(*Sample().disk);
    const std::string name = SetFeature(*disk, MaskedFile::kSegment, FeatureMask::kRoCompat, 17);
    const auto database = MustOpen(*disk, OptionsOf(false));
    CHECK(SameAnswers(ReadEverything(*database), Sample().expected()));
    const auto status = database->Status();
    REQUIRE(status.ok());
    CHECK(status->warnings.size() == 1);
    const auto docs = MustFind(*database, "docs");
    REQUIRE(docs->Upsert(PlaneUpsert(2, 2, 9)).ok());  // its rows die
    REQUIRE(docs->Optimize().ok());
    CHECK(disk->Contents(std::string(kTestDirectory) + "/" + name).ok());
    CHECK(docs->Describe()->rows_deleted == 2);
    CHECK(Content(*docs).at(2) == 9);
  }

  TEST_CASE("unknown incompat features refuse by name") {
    for (const MaskedFile file : kFiles) {
      for (const int bit : kBits) {
        CAPTURE(static_cast<int>(file));
        CAPTURE(bit);
        const auto disk = CopyOf(*Sample().disk);
        const std::string name = SetFeature(*disk, file, FeatureMask::kIncompat, bit);
        const std::string feature = "incompat bit " + std::to_string(bit) +
                                    (bit == 0   ? " (encryption, reserved for a later version)"
                                     : bit == 1 ? " (external codebook, reserved"
                                                : " (unknown to this version)");
        CheckRefused(*disk, false, name, feature);
        if (file == MaskedFile::kLog) {
          CheckOpens(*disk, true, Sample().published.back());  // which does not read the log
        } else {
          CheckRefused(*disk, true, name, feature);
        }
      }
    }
  }

  // Where version 1 has zeros, a later version without a feature bit never has anything else.
  TEST_CASE("reserved bytes in use are damage in every file") {
    struct Place {
      MaskedFile file;
      FilePart part;
      uint64_t offset;
    };
    const Place places[] = {
        {MaskedFile::kIdentity, FilePart::kHeader, 12},
        {MaskedFile::kIdentity, FilePart::kHeader, 88},
        {MaskedFile::kIdentity, FilePart::kHeader, 123},
        {MaskedFile::kManifest, FilePart::kHeader, 12},
        {MaskedFile::kManifest, FilePart::kHeader, 88},
        {MaskedFile::kManifest, FilePart::kHeader, 4091},
        {MaskedFile::kLog, FilePart::kHeader, 132},
        {MaskedFile::kLog, FilePart::kHeader, 4095},
        {MaskedFile::kSegment, FilePart::kHeader, 128},
        {MaskedFile::kSegment, FilePart::kHeader, 4091},
        {MaskedFile::kSegment, FilePart::kDirectory, 40},
        {MaskedFile::kSegment, FilePart::kDirectory, 64 * 3 + 47},
        {MaskedFile::kSegment, FilePart::kFooter, 44},
        {MaskedFile::kSegment, FilePart::kFooter, 4091},
        {MaskedFile::kDeletion, FilePart::kHeader, 12},
        {MaskedFile::kDeletion, FilePart::kHeader, 187},
    };
    for (const Place& place : places) {
      CAPTURE(static_cast<int>(place.file));
      CAPTURE(place.offset);
      const auto disk = CopyOf(*Sample().disk);
      const std::string name = UseReservedByte(*disk, place.file, place.part, place.offset);
      const auto database = OpenOn(*disk, OptionsOf(false));
      absl::Status status = database.status();
      if (database.ok()) {  // the collection is damaged, and the database opens
        const DatabaseReading reading = ReadEverything(**database);
        for (const auto& entry : reading) {
          CHECK_MESSAGE(entry.second.contradiction.empty(), entry.second.contradiction);
          status.Update(entry.second.status);
        }
      }
      CHECK_MESSAGE(GetErrorReason(status) == ErrorReason::kDamaged, status.ToString());
      CHECK_MESSAGE(status.message().find(name) != std::string_view::npos, status.ToString());
      CHECK_MESSAGE(status.message().find("in use") != std::string_view::npos, status.ToString());
    }
  }

  TEST_CASE("unknown sections that may be ignored are ignored") {
    const auto ignorable = CopyOf(*Sample().disk);
    AddUnknownSection(*ignorable, storage::kSectionIgnorable);
    CheckOpens(*ignorable, false, Sample().expected());
    const auto derived = CopyOf(*Sample().disk);
    AddUnknownSection(*derived, storage::kSectionIgnorable | storage::kSectionDerived);
    CheckOpens(*derived, false, Sample().expected());
  }
}

}  // namespace
}  // namespace perigee::engine
