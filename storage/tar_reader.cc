// The stream is a row of 512-byte blocks, and each state takes one block, or skips over data:
//
//   kHeader --> (x, L, K) kMeta: collect the body --> kHeader, which the body modifies
//           --> (g) skip                              global headers are not applied: peers don't either
//           --> (old sparse) kOldSparse: extension blocks --> entry
//           --> (pax 1.0 sparse) kSparseLines: the map before the data --> entry
//           --> entry: on_entry, then skip its data and padding --> kHeader
//           --> (zero block) kSecondZero --> kEnd: what follows is not looked at
//
// Only headers, bodies of kMeta and sparse maps are ever kept; a block that arrives whole is used in place.
#include "storage/tar_reader.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "storage/gnu_sparse.h"
#include "storage/overlay/layer_path.h"
#include "storage/pax.h"
#include "storage/tar_header.h"

namespace wolffia {
namespace {

constexpr int64_t kMaxOffset = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxId = 0xfffffffe;  // (uid_t)-1 means "unchanged" to the kernel

std::unexpected<Error> Corrupt(const char* what) {
  return Fail(Code::kCorrupt, what);
}

uint64_t Padding(uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

// The file type of a typeflag; 0 for one that is not a file of an image. A hard link has none of its own.
uint32_t ModeOfType(char type) {
  switch (type) {
    case '0':
    case '7':  // contiguous: a hint that nobody follows
    case 'S':
    case '1':
      return S_IFREG;
    case '2':
      return S_IFLNK;
    case '3':
      return S_IFCHR;
    case '4':
      return S_IFBLK;
    case '5':
      return S_IFDIR;
    case '6':
      return S_IFIFO;
    default:
      return 0;
  }
}

bool HasData(char type) {
  return type == '0' || type == '7' || type == 'S';
}

}  // namespace

struct TarReader::State {
  enum class Expect { kHeader, kMeta, kOldSparse, kSparseLines, kSecondZero, kEnd };

  State(OnEntry sink, TarLimits bounds) : on_entry(std::move(sink)), limits(bounds) {}

  OnEntry on_entry;
  TarLimits limits;
  uint64_t offset = 0;   // of the next byte
  uint64_t skip = 0;     // bytes of data and padding to pass over
  uint64_t padding = 0;  // how many of them may be missing at the end
  Expect expect = Expect::kHeader;
  std::string partial;  // of a block that has not arrived whole
  size_t entries = 0;
  std::optional<Error> failed;

  // Of the next entry.
  char meta_type = 0;
  uint64_t meta_left = 0;  // bytes of the body
  std::string meta;
  std::optional<PaxHeader> pax;
  std::optional<std::string> long_name, long_link;
  TarHeader header;
  SparseMap sparse_map;
  std::optional<SparseMapLines> sparse_lines;
  int64_t sparse_size = 0;

  size_t max_map() const { return 2 * limits.sparse_extents; }
  Result<> Take(std::string_view& bytes);
  Error Located(Error error) const;
  Result<> TakeBlock(std::string_view block);
  Result<> TakeHeader(std::string_view block);
  Result<> BeginMeta();
  Result<> EndMeta();
  Result<> TakeOldSparse(std::string_view block);
  Result<> TakeSparseLines(std::string_view block);
  Result<> ApplyMeta();
  Result<> BeginEntry(std::string_view block);
  Result<> BeginPaxSparse(PaxSparse sparse);
  Result<> EmitEntry(bool sparse);
  Result<> SkipBody(uint64_t size);
  Result<LayerEntry> MakeEntry();
};

// The block of a state that takes one; `offset` is already behind it.
Result<> TarReader::State::TakeBlock(std::string_view block) {
  switch (expect) {
    case Expect::kHeader:
      return TakeHeader(block);
    case Expect::kMeta: {
      size_t size = std::min<uint64_t>(meta_left, kTarBlock);
      meta += block.substr(0, size);
      meta_left -= size;
      return meta_left > 0 ? Result<>() : EndMeta();
    }
    case Expect::kOldSparse:
      return TakeOldSparse(block);
    case Expect::kSparseLines:
      return TakeSparseLines(block);
    case Expect::kSecondZero:
      if (!IsZeroBlock(block)) return Corrupt("a tar header follows a block of zeros");
      expect = Expect::kEnd;
      return {};
    case Expect::kEnd:
      return {};
  }
  return {};
}

Result<> TarReader::State::TakeHeader(std::string_view block) {
  if (block[0] == 0 && IsZeroBlock(block)) {
    if (pax || long_name || long_link) return Corrupt("an extended header is not followed by its entry");
    expect = Expect::kSecondZero;
    return {};
  }
  header = TRY(ParseTarHeader(block));
  switch (header.type) {
    case 'x':
    case 'L':
    case 'K':
      return BeginMeta();
    case 'g':
      return SkipBody(static_cast<uint64_t>(header.size));
    default:
      return BeginEntry(block);
  }
}

Result<> TarReader::State::BeginMeta() {
  if (static_cast<uint64_t>(header.size) > limits.pax_bytes)
    return Fail(Code::kInvalid,
                "an extended header is longer than " + std::to_string(limits.pax_bytes) + " bytes");
  meta_type = header.type;
  meta_left = static_cast<uint64_t>(header.size);
  meta.clear();
  expect = Expect::kMeta;
  return meta_left > 0 ? Result<>() : EndMeta();
}

Result<> TarReader::State::EndMeta() {
  expect = Expect::kHeader;
  if (meta_type == 'x') {
    pax = TRY(PaxHeader::Parse(meta, max_map()));
  } else {
    (meta_type == 'L' ? long_name : long_link) = meta.substr(0, meta.find('\0'));
  }
  meta = std::string();
  return {};
}

// Extended headers override the header's fields; GNU long names override those (as Go's archive/tar has it).
Result<> TarReader::State::ApplyMeta() {
  if (pax) {
    if (pax->path) header.name = std::move(*pax->path);
    if (pax->link_path) header.link_name = std::move(*pax->link_path);
    header.size = pax->size.value_or(header.size);
    header.uid = pax->uid.value_or(header.uid);
    header.gid = pax->gid.value_or(header.gid);
    header.mtime = pax->mtime_sec.value_or(header.mtime);
    if (pax->sparse && !pax->sparse->name.empty()) header.name = pax->sparse->name;
  }
  if (long_name) header.name = std::move(*long_name);
  if (long_link) header.link_name = std::move(*long_link);
  long_name.reset();
  long_link.reset();
  if (header.type == '\0') header.type = header.name.ends_with('/') ? '5' : '0';  // V7
  if (header.name.size() > limits.path_bytes || header.link_name.size() > limits.path_bytes)
    return Fail(Code::kInvalid, "\"" + Printable(header.name) + "\" has a path longer than " +
                                    std::to_string(limits.path_bytes) + " bytes");
  return {};
}

Result<> TarReader::State::BeginEntry(std::string_view block) {
  if (++entries > limits.entries)
    return Fail(Code::kInvalid, "there are more than " + std::to_string(limits.entries) + " entries");
  TRY(ApplyMeta());
  if (ModeOfType(header.type) == 0)
    return Fail(Code::kInvalid, "\"" + Printable(header.name) + "\" is of an unknown type of tar entry");
  if (!HasData(header.type)) header.size = 0;  // some writers give links and directories one
  // The sum of data, padding and what came before stays an off_t.
  if (header.size > kMaxOffset - 2 * static_cast<int64_t>(kTarBlock) - static_cast<int64_t>(offset))
    return Corrupt("an entry is longer than a file can be");
  sparse_map.clear();
  if (header.type == 'S') {
    sparse_size = TRY(OldSparseSize(block));
    bool more = false;
    TRY(AddOldSparseBlock(block, false, max_map(), sparse_map, more));
    if (!more) return EmitEntry(true);
    expect = Expect::kOldSparse;
    return {};
  }
  if (header.type == '0' && pax && pax->sparse) return BeginPaxSparse(std::move(*pax->sparse));
  return EmitEntry(false);
}

Result<> TarReader::State::TakeOldSparse(std::string_view block) {
  bool more = false;
  TRY(AddOldSparseBlock(block, true, max_map(), sparse_map, more));
  return more ? Result<>() : EmitEntry(true);
}

Result<> TarReader::State::BeginPaxSparse(PaxSparse sparse) {
  bool version_0 = sparse.major.empty() ? sparse.minor.empty()
                                        : sparse.major == "0" && (sparse.minor == "0" || sparse.minor == "1");
  if (!version_0 && !sparse.in_data())
    return Fail(Code::kInvalid, "\"" + Printable(header.name) + "\" is a sparse file of an unknown version");
  if (version_0 && sparse.major.empty() && sparse.map.empty() && !sparse.size) return EmitEntry(false);
  sparse_size = sparse.size.value_or(header.size);
  if (version_0) {
    sparse_map = std::move(sparse.map);
    return EmitEntry(true);
  }
  sparse_lines.emplace(max_map());
  expect = Expect::kSparseLines;
  return {};
}

Result<> TarReader::State::TakeSparseLines(std::string_view block) {
  if (header.size < static_cast<int64_t>(kTarBlock)) return Corrupt("the map of a sparse file is cut off");
  header.size -= static_cast<int64_t>(kTarBlock);
  if (!TRY(sparse_lines->AddBlock(block))) return {};
  sparse_map = sparse_lines->map();
  sparse_lines.reset();
  return EmitEntry(true);
}

Result<LayerEntry> TarReader::State::MakeEntry() {
  auto invalid = [&](const char* why) {
    return Fail(Code::kInvalid, "\"" + Printable(header.name) + "\" " + why);
  };
  LayerEntry entry;
  entry.hard_link = header.type == '1';
  entry.mode = ModeOfType(header.type) | header.mode;
  if (header.uid < 0 || header.uid > kMaxId || header.gid < 0 || header.gid > kMaxId)
    return invalid("has an owner that is not a user or group id");
  entry.uid = static_cast<uint32_t>(header.uid);
  entry.gid = static_cast<uint32_t>(header.gid);
  entry.mtime_sec = header.mtime;
  entry.data_offset = offset;
  if (header.type == '3' || header.type == '4') {
    if (header.device_major < 0 || header.device_major > 0xfff || header.device_minor < 0 ||
        header.device_minor > 0xfffff)
      return invalid("has a device number that Linux does not have");
    entry.rdev =
        makedev(static_cast<unsigned>(header.device_major), static_cast<unsigned>(header.device_minor));
  }
  entry.path = std::move(header.name);
  if (entry.hard_link || header.type == '2') entry.link_target = std::move(header.link_name);
  if (pax) {
    if (pax->mtime_sec) entry.mtime_nsec = pax->mtime_nsec;
    entry.xattrs = std::move(pax->xattrs);
  }
  pax.reset();
  return entry;
}

Result<> TarReader::State::EmitEntry(bool sparse) {
  expect = Expect::kHeader;
  auto stored = static_cast<uint64_t>(header.size);
  LayerEntry entry = TRY(MakeEntry());
  entry.size = stored;
  if (sparse) {
    auto extents = SparseExtents(sparse_map, sparse_size, offset, header.size);
    if (!extents) return std::unexpected(std::move(extents.error()).With(Printable(entry.path)));
    entry.sparse = true;
    entry.extents = std::move(*extents);
    entry.size = static_cast<uint64_t>(sparse_size);
    entry.data_offset = 0;
    sparse_map = SparseMap();
  }
  TRY(on_entry(std::move(entry)));
  return SkipBody(stored);
}

Result<> TarReader::State::SkipBody(uint64_t size) {
  padding = Padding(size);
  if (size > static_cast<uint64_t>(kMaxOffset) - 2 * kTarBlock - offset)
    return Corrupt("an entry is longer than a file can be");
  skip = size + padding;
  return {};
}

TarReader::TarReader(OnEntry on_entry, TarLimits limits)
    : state_(std::make_unique<State>(std::move(on_entry), limits)) {}
TarReader::~TarReader() = default;

uint64_t TarReader::offset() const {
  return state_->offset;
}

// Passes over data, or takes a block (or what there is of one) off `bytes`.
Result<> TarReader::State::Take(std::string_view& bytes) {
  if (expect == Expect::kEnd) skip = bytes.size();
  size_t taken = bytes.size();
  if (skip > 0) {
    taken = std::min<uint64_t>(skip, taken);
    skip -= taken;
    offset += taken;
    bytes.remove_prefix(taken);
    return {};
  }
  taken = std::min(kTarBlock - partial.size(), taken);
  std::string_view block = bytes.substr(0, taken);
  bytes.remove_prefix(taken);
  offset += taken;
  if (taken == kTarBlock) return TakeBlock(block);
  partial += block;
  if (partial.size() < kTarBlock) return {};
  std::string whole = std::exchange(partial, std::string());
  return TakeBlock(whole);
}

Error TarReader::State::Located(Error error) const {
  return std::move(error).With("tar, before byte " + std::to_string(offset));
}

Result<> TarReader::Push(std::string_view bytes) {
  State& s = *state_;
  while (!s.failed && !bytes.empty())
    if (auto taken = s.Take(bytes); !taken) s.failed = s.Located(std::move(taken).error());
  if (s.failed) return std::unexpected(*s.failed);
  return {};
}

Result<> TarReader::Finish() {
  State& s = *state_;
  if (s.failed) return std::unexpected(*s.failed);
  using Expect = State::Expect;
  bool inside = s.skip > s.padding || !s.partial.empty() || s.pax || s.long_name || s.long_link ||
                (s.expect != Expect::kHeader && s.expect != Expect::kSecondZero && s.expect != Expect::kEnd);
  if (inside)
    return std::unexpected(s.Located({Code::kCorrupt, 0, "the tar ends in the middle of an entry"}));
  return {};
}

}  // namespace wolffia
