// TarReader: made-up tars, block by block, for what no tar program writes; then tars of GNU tar in each of
// its formats, whose every entry and byte must be where the reader says.
#include "storage/tar_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "engine/base/file.h"

namespace wolffia {
namespace {

struct Field {
  size_t at;
  std::string bytes;
};

std::string Octal(uint64_t value, int digits) {
  char text[32];
  snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

void Seal(std::string& block) {
  block.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  block.replace(148, 7, Octal(sum, 6) + '\0');
}

// A ustar header; `changes` are put over it before the checksum is made.
std::string Header(const std::string& name, char type, uint64_t size,
                   const std::vector<Field>& changes = {}) {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  block.replace(100, 7, "0000644");
  block.replace(108, 7, "0000001");
  block.replace(116, 7, "0000002");
  block.replace(124, 11, Octal(size, 11));
  block.replace(136, 11, "00000000012");
  block[156] = type;
  block.replace(257, 8, std::string("ustar\00000", 8));
  for (const Field& f : changes) block.replace(f.at, f.bytes.size(), f.bytes);
  Seal(block);
  return block;
}

std::string Padded(std::string data) {
  data.resize((data.size() + 511) / 512 * 512);
  return data;
}

std::string Record(const std::string& key, const std::string& value) {
  size_t rest = key.size() + value.size() + 3, length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

std::string Meta(char type, const std::string& body) {
  return Header("meta", type, body.size()) + Padded(body);
}

std::string Pax(const std::vector<std::pair<std::string, std::string>>& records) {
  std::string body;
  for (const auto& [key, value] : records) body += Record(key, value);
  return Meta('x', body);
}

const std::string kEnd(1024, '\0');

std::string Describe(const LayerEntry& e) {
  std::ostringstream out;
  out << e.path << ' ' << std::oct << e.mode << std::dec << ' ' << e.uid << ':' << e.gid << " size " << e.size
      << " at " << e.data_offset << " time " << e.mtime_sec << '.' << e.mtime_nsec;
  if (e.rdev != 0) out << " dev " << major(e.rdev) << ',' << minor(e.rdev);
  if (e.hard_link) out << " hard";
  if (!e.link_target.empty()) out << " -> " << e.link_target;
  if (e.sparse) out << " sparse";
  for (const TarExtent& x : e.extents)
    out << " [" << x.file_offset << ' ' << x.tar_offset << ' ' << x.size << ']';
  for (const auto& [name, value] : e.xattrs) out << ' ' << name << '=' << value;
  return out.str();
}

struct Outcome {
  std::vector<LayerEntry> entries;
  std::string text;  // a line an entry, and the error
  Code code = Code::kIo;
  bool operator==(const Outcome& o) const { return text == o.text; }
};

// Pushes chunks of at most `chunk` bytes, of random lengths if it is 0.
Outcome Read(std::string_view tar, size_t chunk = 1 << 20, TarLimits limits = {}) {
  Outcome outcome;
  std::mt19937 random(7);
  TarReader reader(
      [&](LayerEntry e) -> Result<> {
        outcome.text += Describe(e) + "\n";
        outcome.entries.push_back(std::move(e));
        return {};
      },
      limits);
  Result<> result;
  while (result && !tar.empty()) {
    size_t size = std::min(tar.size(), chunk != 0 ? chunk : 1 + random() % (random() % 2 != 0 ? 20 : 2000));
    result = reader.Push(tar.substr(0, size));
    tar.remove_prefix(size);
  }
  if (result) result = reader.Finish();
  if (result) return outcome;
  outcome.text += "error: " + result.error().what + "\n";
  outcome.code = result.error().code;
  return outcome;
}

struct Case {
  const char* what;
  std::string tar;
  std::string text;  // exact; or of an error, a part
};

class Made : public testing::TestWithParam<Case> {};

TEST_P(Made, Entries) {
  const Case& c = GetParam();
  Outcome whole = Read(c.tar);
  if (c.text.starts_with("error: ")) {
    EXPECT_THAT(whole.text, testing::HasSubstr("error: tar, before byte ")) << c.what;
    EXPECT_THAT(whole.text, testing::HasSubstr(c.text.substr(7))) << c.what;
    EXPECT_TRUE(whole.code == Code::kCorrupt || whole.code == Code::kInvalid);
  } else {
    EXPECT_EQ(whole.text, c.text) << c.what;
  }
  for (size_t chunk : {1, 511, 512, 513, 0}) EXPECT_EQ(Read(c.tar, chunk).text, whole.text) << chunk;
}

std::string Line(const std::string& name, const std::string& rest) {
  return name + " 100644 1:2 " + rest + "\n";
}

std::string Base256(uint64_t value, size_t size, bool negative = false) {
  std::string out(size, negative ? '\xff' : '\0');
  for (size_t i = 0; i < 8 && i < size; ++i) out[size - 1 - i] = static_cast<char>(value >> (8 * i));
  out[0] = static_cast<char>(out[0] | 0x80);
  return out;
}

std::string OldSparse(const std::string& pairs, bool more, uint64_t stored, uint64_t size) {
  return Header("s", 'S', stored,
                {{257, std::string("ustar  \0", 8)},
                 {386, pairs},
                 {482, more ? "\1" : std::string(1, '\0')},
                 {483, Octal(size, 11)}});
}

std::string Pair(uint64_t offset, uint64_t size) {
  return Octal(offset, 11) + '\0' + Octal(size, 11) + '\0';
}

std::string OldExtension(const std::string& pairs, bool more) {
  std::string block(512, '\0');
  block.replace(0, pairs.size(), pairs);
  block[504] = more ? 1 : 0;
  return block;
}

const std::string kS10 = "time 10.0";

const Case kCases[] = {
    {"nothing", "", ""},
    {"the end", kEnd, ""},
    {"no end", Header("a", '0', 3) + Padded("abc"), Line("a", "size 3 at 512 " + kS10)},
    {"no padding", Header("a", '0', 3) + "abc", Line("a", "size 3 at 512 " + kS10)},
    {"one block of zeros", Header("a", '0', 0) + std::string(512, '\0'), Line("a", "size 0 at 512 " + kS10)},
    {"what follows the end", kEnd + "anything at all", ""},
    {"a header after zeros", std::string(512, '\0') + Header("a", '0', 0), "error: follows a block of zeros"},
    {"cut in a header", Header("a", '0', 0).substr(0, 100), "error: ends in the middle"},
    {"cut in data", Header("a", '0', 3) + "ab", "error: ends in the middle"},
    {"cut in a pax header", Pax({{"path", "b"}}).substr(0, 600), "error: ends in the middle"},
    {"cut after a pax header", Pax({{"path", "b"}}), "error: ends in the middle"},
    {"a pax header and the end", Pax({{"path", "b"}}) + kEnd, "error: not followed by its entry"},
    {"checksum", Header("a", '0', 0).replace(0, 1, "b"), "error: checksum"},
    {"not a number", Header("a", '0', 0, {{108, "x"}}), "error: number in a tar header"},
    {"negative size", Header("a", '0', 0, {{124, Base256(~uint64_t{4}, 12, true)}}), "error: negative size"},
    {"size beyond 63 bits", Header("a", '0', 0, {{124, Base256(uint64_t{1} << 63, 12)}}), "error: number"},
    {"size of 63 bits", Header("a", '0', 0, {{124, Base256(~uint64_t{0} >> 1, 12)}}),
     "error: longer than a file"},
    {"base 256", Header("a", '0', 0, {{108, Base256(0xfffffffe, 8)}, {136, Base256(~uint64_t{9}, 12, true)}}),
     "a 100644 4294967294:2 size 0 at 512 time -10.0\n"},
    {"uid -1", Header("a", '0', 0, {{108, Base256(0xffffffff, 8)}}), "error: owner"},
    {"uid below 0", Header("a", '0', 0, {{108, Base256(~uint64_t{9}, 8, true)}}), "error: owner"},
    {"ustar prefix", Header("name", '0', 0, {{345, "some/prefix"}}),
     Line("some/prefix/name", "size 0 at 512 " + kS10)},
    {"V7 directory", Header("d/", '\0', 0, {{257, std::string(8, '\0')}}),
     "d/ 40644 1:2 size 0 at 512 time 10.0\n"},
    {"V7 directory with a long name",
     Meta('L', std::string(120, 'n') + "/") + Header("n", '\0', 0, {{257, std::string(8, '\0')}}),
     std::string(120, 'n') + "/ 40644 1:2 size 0 at 1536 time 10.0\n"},
    {"types",
     Header("l", '2', 5, {{157, "target"}}) + Header("h", '1', 9, {{157, "other"}}) +
         Header("c", '3', 0, {{329, "0000001"}, {337, "0000003"}}) + Header("b", '4', 0, {{329, "0000010"}}) +
         Header("p", '6', 0),
     "l 120644 1:2 size 0 at 512 time 10.0 -> target\nh 100644 1:2 size 0 at 1024 time 10.0 hard -> other\n"
     "c 20644 1:2 size 0 at 1536 time 10.0 dev 1,3\nb 60644 1:2 size 0 at 2048 time 10.0 dev 8,0\n"
     "p 10644 1:2 size 0 at 2560 time 10.0\n"},
    {"unknown type", Header("v", 'V', 0), "error: unknown type"},
    {"device number", Header("c", '3', 0, {{329, "0010000"}}), "error: device number"},
    {"long names",
     Meta('L', std::string(300, 'n') + '\0') + Meta('K', "target" + std::string(1, '\0')) +
         Header("l", '2', 0),
     std::string(300, 'n') + " 120644 1:2 size 0 at 2560 time 10.0 -> target\n"},
    {"pax",
     Pax({{"path", "p"},
          {"uid", "4294967294"},
          {"gid", "70000"},
          {"mtime", "-1.25"},
          {"size", "5"},
          {"SCHILY.xattr.user.a", std::string("1\0=\n", 4)},
          {"SCHILY.xattr.user.b", ""},
          {"comment", "x"}}) +
         Header("a", '0', 0) + Padded("12345") + Header("b", '0', 0),
     "p 100644 4294967294:70000 size 5 at 1536 time -2.750000000 user.a=" + std::string("1\0=\n", 4) +
         " user.b=\n" + Line("b", "size 0 at 2560 " + kS10)},
    {"pax values taken back",
     Pax({{"path", "p"}, {"path", ""}, {"mtime", "3"}, {"mtime", ""}}) + Header("a", '0', 0),
     Line("a", "size 0 at 1536 " + kS10)},
    {"pax mtime", Pax({{"mtime", "1700000000.1234567899"}}) + Header("a", '0', 0),
     Line("a", "size 0 at 1536 time 1700000000.123456789")},
    {"global headers are passed over", Meta('g', Record("path", "x") + "junk") + Header("a", '0', 0),
     Line("a", "size 0 at 1536 " + kS10)},
    {"pax length", Meta('x', "9999 path=a\n"), "error: wrong length"},
    {"pax length of nothing", Meta('x', "0 path=a\n"), "error: wrong length"},
    {"pax length that is none", Meta('x', "x path=a\n"), "error: without a length"},
    {"pax length beyond 64 bits", Meta('x', "99999999999999999999 path=a\n"), "error: without a length"},
    {"pax without newline", Meta('x', "9 path=abc"), "error: wrong length"},
    {"pax without equals", Meta('x', "8 pathx\n"), "error: without a key"},
    {"pax without key", Meta('x', "6 =ab\n"), "error: without a key"},
    {"pax NUL in path", Pax({{"path", std::string("a\0b", 3)}}), "error: NUL"},
    {"pax NUL in linkpath", Pax({{"linkpath", std::string("a\0b", 3)}}), "error: NUL"},
    {"pax NUL in key", Pax({{std::string("pa\0th", 5), "a"}}), "error: NUL"},
    {"pax size below 0", Pax({{"size", "-1"}}), "error: not a number"},
    {"pax size beyond 63 bits", Pax({{"size", "9223372036854775808"}}), "error: not a number"},
    {"pax uid", Pax({{"uid", "4294967295"}}) + Header("a", '0', 0), "error: owner"},
    {"pax time", Pax({{"mtime", "1.x"}}), "error: not a time"},
    {"pax header too long", Header("x", 'x', (1 << 20) + 1), "error: extended header is longer"},
    {"path too long", Meta('L', std::string(4097, 'a')) + Header("a", '0', 0), "error: longer than 4096"},
    {"old sparse",
     OldSparse(Pair(0, 512) + Pair(2048, 100), false, 612, 4000) + Padded(std::string(612, 'x')) +
         Header("b", '0', 0),
     Line("s", "size 4000 at 0 " + kS10 + " sparse [0 512 512] [2048 1024 100]") +
         Line("b", "size 0 at 2048 " + kS10)},
    {"old sparse, extended",
     OldSparse(Pair(0, 1) + Pair(10, 1) + Pair(20, 1) + Pair(30, 1), true, 6, 100) +
         OldExtension(Pair(31, 1), true) + OldExtension(Pair(50, 1) + Pair(100, 0), false) + Padded("123456"),
     Line("s",
          "size 100 at 0 " + kS10 + " sparse [0 1536 1] [10 1537 1] [20 1538 1] [30 1539 2] [50 1541 1]")},
    {"sparse out of order", OldSparse(Pair(10, 10) + Pair(5, 1), false, 11, 100), "error: out of order"},
    {"sparse overlapping", OldSparse(Pair(10, 10) + Pair(15, 10), false, 20, 100), "error: out of order"},
    {"sparse past the end", OldSparse(Pair(95, 10), false, 10, 100), "error: passes its end"},
    {"sparse with bytes missing", OldSparse(Pair(10, 10), false, 9, 100), "error: more bytes"},
    {"sparse with bytes over", OldSparse(Pair(10, 10), false, 11, 100), "error: leaves bytes over"},
    {"pax sparse 0.0",
     Pax({{"GNU.sparse.size", "100"},
          {"GNU.sparse.numblocks", "2"},
          {"GNU.sparse.offset", "0"},
          {"GNU.sparse.numbytes", "2"},
          {"GNU.sparse.offset", "50"},
          {"GNU.sparse.numbytes", "3"}}) +
         Header("s", '0', 5) + Padded("12345"),
     Line("s", "size 100 at 0 " + kS10 + " sparse [0 1536 2] [50 1538 3]")},
    {"pax sparse 0.1",
     Pax({{"GNU.sparse.size", "100"},
          {"GNU.sparse.name", "real"},
          {"GNU.sparse.map", "0,2,50,3"},
          {"path", "no"}}) +
         Header("s", '0', 5) + Padded("12345"),
     Line("real", "size 100 at 0 " + kS10 + " sparse [0 1536 2] [50 1538 3]")},
    {"pax sparse 1.0",
     Pax({{"GNU.sparse.major", "1"},
          {"GNU.sparse.minor", "0"},
          {"GNU.sparse.name", "real"},
          {"GNU.sparse.realsize", "100"}}) +
         Header("s", '0', 517) + Padded("2\n0\n2\n50\n3\n") + Padded("12345") + Header("b", '0', 0),
     Line("real", "size 100 at 0 " + kS10 + " sparse [0 2048 2] [50 2050 3]") +
         Line("b", "size 0 at 3072 " + kS10)},
    {"pax sparse 1.0, map cut off",
     Pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}}) + Header("s", '0', 100) + Padded("2\n"),
     "error: cut off"},
    {"pax sparse 1.0, not numbers",
     Pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}}) + Header("s", '0', 512) + Padded("2\nx\n"),
     "error: not numbers"},
    {"pax sparse 1.0, too many",
     Pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}}) + Header("s", '0', 512) +
         Padded("9000000000\n"),
     "error: too many parts"},
    {"pax sparse of another version",
     Pax({{"GNU.sparse.major", "2"}, {"GNU.sparse.minor", "0"}}) + Header("s", '0', 0),
     "error: unknown version"},
    {"pax sparse, odd map", Pax({{"GNU.sparse.map", "1,2,3"}}) + Header("s", '0', 0),
     "error: ends in the middle"},
};

INSTANTIATE_TEST_SUITE_P(Blocks, Made, testing::ValuesIn(kCases));

TEST(TarReader, HoldsItsLimits) {
  std::string two = Header("a", '0', 0) + Header("b", '0', 0);
  EXPECT_THAT(Read(two, 512, {.entries = 1}).text, testing::HasSubstr("more than 1 entries"));
  EXPECT_THAT(Read(Pax({{"path", "bcd"}}) + two, 512, {.path_bytes = 2}).text,
              testing::HasSubstr("longer than 2"));
  EXPECT_THAT(Read(Pax({{"path", "bcd"}}) + two, 512, {.pax_bytes = 5}).text,
              testing::HasSubstr("longer than 5"));
  std::string sparse = OldSparse(Pair(0, 1) + Pair(5, 1), false, 2, 9) + "xx";
  EXPECT_THAT(Read(sparse, 512, {.sparse_extents = 1}).text, testing::HasSubstr("too many parts"));
}

TEST(TarReader, PassesTheSinksErrorOnAndStays) {
  TarReader reader([](LayerEntry) -> Result<> { return Fail(Code::kInvalid, "no"); });
  std::string tar = Header("a", '0', 0) + kEnd;
  EXPECT_EQ(reader.Push(tar).error().code, Code::kInvalid);
  EXPECT_EQ(reader.Push(tar).error().code, Code::kInvalid);
  EXPECT_EQ(reader.Finish().error().code, Code::kInvalid);
}

// --- tars of GNU tar ---

class GnuTar : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    char path[] = "/tmp/wolffia-tar-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    top_ = path;
    std::filesystem::create_directories(top_ + "/in/dir/sub");
    std::ofstream(top_ + "/in/dir/small") << "small";
    std::ofstream(top_ + "/in/empty");
    std::ofstream(top_ + "/in/blocks") << std::string(5 * 512, 'b');
    std::filesystem::create_symlink("../small", top_ + "/in/dir/sub/link");
    std::filesystem::create_hard_link(top_ + "/in/dir/small", top_ + "/in/hard");
    Sparse(top_ + "/in/sparse", 40);
    Sparse(top_ + "/in/holes", 0);
    ASSERT_EQ(mkfifo((top_ + "/in/fifo").c_str(), 0600), 0);
  }
  void TearDown() override { std::filesystem::remove_all(top_); }

  static void Sparse(const std::string& path, int parts) {
    std::ofstream out(path);
    for (int i = 0; i < parts; ++i) {
      out.seekp(i * 65536 + 4096);
      out << "part " << i << std::string(4090, 'p');
    }
    out.close();
    std::filesystem::resize_file(path, 40 * 65536 + 123);
  }

  std::string Make(const std::string& options) {
    std::string command = "cd " + top_ + "/in && tar " + options + " -cf ../out.tar . 2>/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return ReadFile(top_ + "/out.tar", 1 << 30).value();
  }

  std::string top_;
};

std::string ContentOf(const std::string& tar, const LayerEntry& e) {
  if (!e.sparse) return tar.substr(e.data_offset, e.size);
  std::string out(e.size, '\0');
  for (const TarExtent& x : e.extents) out.replace(x.file_offset, x.size, tar, x.tar_offset, x.size);
  return out;
}

TEST_P(GnuTar, EveryByteIsWhereItSays) {
  std::string long_name = GetParam().find("ustar") == std::string::npos
                              ? std::string(200, 'n')
                              : std::string(90, 'n') + "/" + std::string(90, 'm');  // what ustar can say
  std::filesystem::create_directories(top_ + "/in/" + long_name);
  std::string tar = Make(GetParam());
  Outcome read = Read(tar);
  ASSERT_THAT(read.text, testing::Not(testing::HasSubstr("error"))) << read.text.substr(0, 2000);
  EXPECT_EQ(Read(tar, 0).text, read.text);
  size_t hard = 0;
  for (const LayerEntry& e : read.entries) {
    if (e.hard_link && ++hard) continue;
    std::string path = top_ + "/in/" + e.path;
    struct stat st{};
    ASSERT_EQ(lstat(path.c_str(), &st), 0) << path;
    EXPECT_EQ(st.st_mode, S_ISLNK(e.mode) ? S_IFLNK | 0777u : e.mode) << path;
    EXPECT_EQ(st.st_mtim.tv_sec, e.mtime_sec) << path;
    if (S_ISREG(e.mode)) {
      EXPECT_TRUE(ContentOf(tar, e) == ReadFile(path, 1 << 30).value()) << path;
      EXPECT_EQ(e.extents.size(),
                e.path == "./sparse" && GetParam().find("sparse") != std::string::npos ? 40 : 0);
    }
  }
  EXPECT_EQ(hard, 1u);
  EXPECT_THAT(read.text, testing::HasSubstr(long_name));
}

INSTANTIATE_TEST_SUITE_P(Formats, GnuTar,
                         testing::Values("--format=gnu", "--format=pax", "--format=ustar",
                                         "--format=gnu --sparse",
                                         "--format=pax --sparse --sparse-version=0.0",
                                         "--format=pax --sparse --sparse-version=0.1",
                                         "--format=pax --sparse --sparse-version=1.0"));

}  // namespace
}  // namespace wolffia
