// SPDX-License-Identifier: Apache-2.0
//
// What the tests of segments and read calls share: a schema with every kind of vector, random
// points, and TestCollection, which does to segments what a collection's writer and maintenance do,
// beside a map of points that cannot be wrong.
//
// Invariants: everything random comes from the generator passed in.
// Thread-safety: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/collection/collection_snapshot.h"
#include "engine/collection/growing_segment.h"
#include "engine/collection/sealed_segment.h"
#include "engine/collection/segment_builder.h"
#include "engine/collection/wal_operation.h"
#include "perigee/model/point.h"
#include "storage/segment/segment_reader.h"
#include "storage/segment/segment_writer.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::engine {

using Random = std::mt19937_64;

/// "" 8-dimensional cosine f32, "title" 5-dimensional l2 f16, "image" 70-dimensional dot f32.
std::shared_ptr<const CollectionSchema> MixedSchema();

/// A number below `bound`.
uint64_t Below(Random& random, uint64_t bound);
/// Valid under MixedSchema, each vector there with some probability, at least one. Values of the
/// f16 vector are ones that f16 holds, so that a point comes back as it was written.
Point RandomPoint(Random& random, const PointId& id);
/// Integers and strings.
PointId IdOf(uint64_t number);

/// A point as stored; keeps the bytes that image() points to.
class StoredRow {
 public:
  StoredRow(const Point& point, const CollectionSchema& schema);
  RowImage image() const;

 private:
  std::string encoded_id_;
  std::string payload_;
  uint32_t presence_bits_ = 0;
  std::vector<std::vector<std::byte>> vectors_;
};

/// The point that a row of a source holds.
Point PointOfRow(const RowSource& source, uint32_t row, const CollectionSchema& schema);

/// Options of a build in the simulated disk, with a fixed segment uuid.
SegmentBuildOptions BuildOptions(storage::FileSystem& disk, const std::string& path,
                                 const CollectionSchema& schema);
/// Opens without comparing with a manifest.
absl::StatusOr<std::shared_ptr<SealedSegment>> OpenSegment(
    storage::FileSystem& disk, const std::string& path,
    std::shared_ptr<const CollectionSchema> schema, uint64_t stamped_lsn = 0);

/// All bytes of a file, and one byte of it changed in place.
std::string FileBytes(storage::FileSystem& disk, const std::string& path);
void FlipByte(storage::FileSystem& disk, const std::string& path, uint64_t offset);
/// Copies a segment file, with `bytes` in place of one of its sections (none: left out).
void ReplaceSection(storage::FileSystem& disk, const std::string& from, const std::string& to,
                    const storage::SectionSpec& replaced, const std::optional<std::string>& bytes);

struct ModelPoint {
  Point point;
  uint64_t version = 0;
};
/// Encoded id to point.
using Model = std::map<std::string, ModelPoint>;

class TestCollection {
 public:
  explicit TestCollection(uint32_t index_rows_min = 30);

  void Upsert(const std::vector<Point>& points);
  void Delete(const std::vector<PointId>& ids);
  /// Seals the growing segment into a file, and opens that.
  void Seal();
  /// Freezes the growing segment and leaves it so.
  void Freeze();
  /// Merges all sealed segments into one.
  void Compact();
  /// Adds a sealed segment of points at once, as a bulk load does.
  void Attach(const std::vector<Point>& points);

  std::shared_ptr<const CollectionSnapshot> Snapshot() const;
  const Model& model() const { return model_; }
  const CollectionSchema& schema() const { return *schema_; }
  SegmentList& segments() { return segments_; }
  uint64_t seq() const { return seq_; }
  const storage::Uuid& uuid() const { return uuid_; }
  uint64_t epoch() const { return 3; }

 private:
  std::shared_ptr<SealedSegment> Build(const std::vector<const RowSource*>& sources,
                                       uint64_t horizon, uint64_t stamped_lsn);
  std::shared_ptr<GrowingSegment> NewGrowing() const;

  storage::SimulatedFileSystem disk_;
  std::shared_ptr<const CollectionSchema> schema_ = MixedSchema();
  const storage::Uuid uuid_ = storage::Uuid::Random();
  const uint32_t index_rows_min_;
  uint64_t files_ = 0;
  uint64_t seq_ = 0;
  SegmentList segments_;
  Model model_;
};

}  // namespace perigee::engine
