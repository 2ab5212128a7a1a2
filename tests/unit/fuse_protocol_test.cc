// The FUSE protocol without a kernel: a socket takes the place of /dev/fuse. What libfuse cannot do
// (O_TMPFILE, SETXATTR's long form, set-id flags), and requests that no kernel sends.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <random>

#include "storage/overlay/fuse_request.h"
#include "storage/overlay/overlay_server.h"
#include "tests/unit/index_bytes.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

constexpr uint64_t kRootNode = 1;

template <typename T>
std::string Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
std::string Terminated(std::string_view text) {
  return std::string(text) + '\0';
}

struct Answer {
  int error = 0;  // an errno; -1: none came
  std::string data;
  template <typename T>
  T As() const {
    T value{};
    memcpy(&value, data.data(), std::min(sizeof value, data.size()));
    return value;
  }
};

class Protocol : public testing::Test {
 protected:
  void SetUp() override {
    umask(0);
    ASSERT_EQ(mkdir((dir_ / "upper").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((dir_ / "work").c_str(), 0700), 0);
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    kernel_ = Fd(pair[0]);
    timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    auto server = OverlayServer::Start(MakeTree(), {}, Fd(pair[1]));
    ASSERT_TRUE(server) << server.error().what;
    server_ = std::move(*server);
    fuse_init_in init{.major = 7, .minor = 38, .max_readahead = 1 << 17, .flags = ~uint32_t{FUSE_INIT_EXT}};
    Answer answer = Ask(FUSE_INIT, 0, Bytes(init).substr(0, 16));
    granted_ = answer.As<fuse_init_out>();
    ASSERT_EQ(answer.error, 0);
  }
  std::unique_ptr<OverlayTree> MakeTree() {
    IndexBytes t;
    t.Directory("etc");
    t.File("etc/passwd", "root:x:0:0\n", 06777);
    t.Symlink("link", "etc/passwd");
    auto index = LowerIndex::FromBytes(t.Seal().Build(), IndexCheck::kFull);
    std::vector<Fd> tars;
    tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
    EXPECT_TRUE(WriteFull(tars[0].get(), t.tar));
    auto lower = std::make_shared<Lower>(std::move(*index), std::move(tars));
    auto upper = UpperStore::Open(*OpenDirectory(AT_FDCWD, dir_ / "upper"),
                                  *OpenDirectory(AT_FDCWD, dir_ / "work"), {});
    EXPECT_TRUE(upper) << upper.error().what;
    return *OverlayTree::Make(MakeIndexLower(lower, IdView({{0, 65536}}, {{0, 65536}})), std::move(*upper),
                              {});
  }

  bool Send(uint32_t opcode, uint64_t nodeid, const std::string& body, uint32_t length = 0) {
    fuse_in_header header{};
    header.len = length != 0 ? length : static_cast<uint32_t>(sizeof header + body.size());
    header.opcode = opcode;
    header.unique = unique_ += 2;
    header.nodeid = nodeid;
    header.uid = header.gid = 1000;
    std::string packet = Bytes(header) + body;
    return send(kernel_.get(), packet.data(), packet.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(packet.size());
  }
  Answer Receive() {
    std::string packet(256 << 10, '\0');
    ssize_t n = recv(kernel_.get(), packet.data(), packet.size(), 0);
    if (n < static_cast<ssize_t>(sizeof(fuse_out_header))) return {.error = -1};
    packet.resize(static_cast<size_t>(n));
    fuse_out_header header;
    memcpy(&header, packet.data(), sizeof header);
    EXPECT_EQ(header.len, packet.size());
    EXPECT_EQ(header.unique, unique_);
    return {.error = -header.error, .data = packet.substr(sizeof header)};
  }
  Answer Ask(uint32_t opcode, uint64_t nodeid, const std::string& body, uint32_t length = 0) {
    EXPECT_TRUE(Send(opcode, nodeid, body, length));
    return Receive();
  }
  fuse_entry_out Lookup(uint64_t parent, std::string_view name) {
    return Ask(FUSE_LOOKUP, parent, Terminated(name)).As<fuse_entry_out>();
  }
  mode_t ModeOf(uint64_t node) {
    return Ask(FUSE_GETATTR, node, Bytes(fuse_getattr_in{})).As<fuse_attr_out>().attr.mode & 07777;
  }

  TempDir dir_;
  Fd kernel_;
  std::unique_ptr<OverlayServer> server_;
  fuse_init_out granted_{};
  uint64_t unique_ = 0;
};

TEST_F(Protocol, TakesTheFlagsThatItNeeds) {
  for (uint32_t flag : {kFuseHandleKillprivV2, kFuseSetxattrExt, uint32_t{FUSE_DO_READDIRPLUS},
                        uint32_t{FUSE_PARALLEL_DIROPS}, uint32_t{FUSE_CACHE_SYMLINKS},
                        uint32_t{FUSE_POSIX_ACL}, uint32_t{FUSE_DONT_MASK}})
    EXPECT_TRUE((granted_.flags & flag) != 0) << flag;
  for (uint32_t flag : {FUSE_ATOMIC_O_TRUNC, FUSE_AUTO_INVAL_DATA, FUSE_READDIRPLUS_AUTO,
                        FUSE_WRITEBACK_CACHE, FUSE_HANDLE_KILLPRIV, FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS})
    EXPECT_TRUE((granted_.flags & flag) == 0) << flag;
  EXPECT_EQ(granted_.max_write, 1u << 20);
  for (uint32_t opcode : {FUSE_OPEN, FUSE_OPENDIR})
    EXPECT_EQ(Ask(opcode, kRootNode, Bytes(fuse_open_in{})).error, ENOSYS);
  EXPECT_EQ(Ask(FUSE_FLUSH, kRootNode, Bytes(fuse_flush_in{})).error, ENOSYS);
  EXPECT_EQ(Ask(FUSE_CREATE, kRootNode, Bytes(fuse_create_in{}) + Terminated("x")).error, ENOSYS);
  EXPECT_EQ(Ask(FUSE_INTERRUPT, 0, Bytes(fuse_interrupt_in{})).error, ENOSYS);
}

TEST_F(Protocol, RemembersThatNamesAreMissing) {
  Answer answer = Ask(FUSE_LOOKUP, kRootNode, Terminated("missing"));
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.As<fuse_entry_out>().nodeid, 0u);
  EXPECT_EQ(answer.As<fuse_entry_out>().entry_valid, 1000000000u);
  EXPECT_EQ(Ask(FUSE_LOOKUP, kRootNode, Terminated(std::string(256, 'n'))).error, ENAMETOOLONG);
  EXPECT_EQ(Ask(FUSE_LOOKUP, kRootNode, Terminated("a/b")).error, EINVAL);
  EXPECT_EQ(Ask(FUSE_LOOKUP, 77777, Terminated("x")).error, ESTALE);
}

TEST_F(Protocol, DropsSetIdsWhenToldTo) {
  uint64_t passwd = Lookup(Lookup(kRootNode, "etc").nodeid, "passwd").nodeid;
  fuse_write_in write{.offset = 0, .size = 1};
  EXPECT_EQ(Ask(FUSE_WRITE, passwd, Bytes(write) + "R").error, 0);
  EXPECT_EQ(ModeOf(passwd), 06777u);
  write.write_flags = kFuseWriteKillSuidgid;
  EXPECT_EQ(Ask(FUSE_WRITE, passwd, Bytes(write) + "R").error, 0);
  EXPECT_EQ(ModeOf(passwd), 0777u);
  fuse_setattr_in set{.valid = FATTR_MODE, .mode = 06777};
  EXPECT_EQ(Ask(FUSE_SETATTR, passwd, Bytes(set)).error, 0);
  set = {.valid = FATTR_SIZE, .size = 3};
  EXPECT_EQ(Ask(FUSE_SETATTR, passwd, Bytes(set)).error, 0);
  EXPECT_EQ(ModeOf(passwd), 06777u);
  set.valid |= kFattrKillSuidgid;
  EXPECT_EQ(Ask(FUSE_SETATTR, passwd, Bytes(set)).error, 0);
  EXPECT_EQ(ModeOf(passwd), 0777u);
}

TEST_F(Protocol, MakesTemporaries) {
  fuse_create_in create{.flags = O_RDWR, .mode = S_IFREG | 0666, .umask = 027};
  Answer answer = Ask(kFuseTmpfile, kRootNode, Bytes(create) + Terminated("/"));
  ASSERT_EQ(answer.error, 0);
  ASSERT_EQ(answer.data.size(), sizeof(fuse_entry_out) + sizeof(fuse_open_out));
  auto entry = answer.As<fuse_entry_out>();
  EXPECT_EQ(entry.attr.mode, S_IFREG | 0640u);
  EXPECT_EQ(entry.attr.nlink, 0u);
  EXPECT_EQ(entry.attr.uid, 1000u);
  EXPECT_EQ(Ask(FUSE_LINK, kRootNode, Bytes(fuse_link_in{entry.nodeid}) + Terminated("named")).error, 0);
  EXPECT_EQ(Lookup(kRootNode, "named").nodeid, entry.nodeid);
  EXPECT_EQ(Ask(FUSE_SYNCFS, kRootNode, Bytes(fuse_syncfs_in{})).error, 0);
  EXPECT_EQ(Ask(kFuseTmpfile, 9999, Bytes(create) + Terminated("/")).error, ESTALE);
}

TEST_F(Protocol, SetsXattrsByTheLongForm) {
  uint64_t etc = Lookup(kRootNode, "etc").nodeid;
  std::string in = Bytes(uint32_t{5}) + Bytes(uint32_t{0}) + Bytes(uint64_t{0});
  EXPECT_EQ(Ask(FUSE_SETXATTR, etc, in + Terminated("user.a") + "value").error, 0);
  Answer answer = Ask(FUSE_GETXATTR, etc, Bytes(fuse_getxattr_in{.size = 100}) + Terminated("user.a"));
  EXPECT_EQ(answer.data, "value");
  EXPECT_EQ(Ask(FUSE_GETXATTR, etc, Bytes(fuse_getxattr_in{.size = 2}) + Terminated("user.a")).error, ERANGE);
  EXPECT_EQ(
      Ask(FUSE_GETXATTR, etc, Bytes(fuse_getxattr_in{}) + Terminated("user.a")).As<fuse_getxattr_out>().size,
      5u);
  EXPECT_EQ(Ask(FUSE_LISTXATTR, etc, Bytes(fuse_getxattr_in{.size = 100})).data, Terminated("user.a"));
  EXPECT_EQ(Ask(FUSE_SETXATTR, etc, in + Terminated("user.a") + "valu").error, EINVAL);  // less than promised
  EXPECT_EQ(Ask(FUSE_SETXATTR, etc, in + "user.a").error, EINVAL);
}

// What is cut off, has no end, points outside or is out of bounds: an errno, and the next request is served.
TEST_F(Protocol, RefusesWhatIsMalformed) {
  const uint64_t nodes[] = {0, 1, 2, 3, 4, 5, ~0ull, 1ull << 40, 0xffffffff, 0x100000000};
  for (uint32_t opcode = 1; opcode < 70; ++opcode) {
    if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INIT || opcode == FUSE_DESTROY)
      continue;
    for (uint64_t node : nodes)
      for (size_t size : {0, 1, 7, 8, 15, 16, 24, 39, 40, 56, 64, 88, 200}) {
        ASSERT_GE(Ask(opcode, node, std::string(size, '\xff')).error, 0) << opcode;
        ASSERT_GE(Ask(opcode, node, std::string(size, '\0')).error, 0) << opcode;
        ASSERT_GE(Ask(opcode, node, std::string(size, 'a')).error, 0) << opcode;
      }
  }
  EXPECT_EQ(Ask(FUSE_WRITE, kRootNode, Bytes(fuse_write_in{.size = 1u << 30}) + "x").error, EINVAL);
  EXPECT_NE(Ask(FUSE_READ, kRootNode, Bytes(fuse_read_in{.size = ~0u})).error, -1);
  EXPECT_TRUE(Send(FUSE_BATCH_FORGET, 0, Bytes(fuse_batch_forget_in{.count = ~0u})));
  EXPECT_TRUE(Send(FUSE_FORGET, 5, ""));
  EXPECT_NE(Lookup(kRootNode, "etc").nodeid, 0u);
}

TEST_F(Protocol, SurvivesNonsense) {
  std::mt19937 random(20260101);
  auto number = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  const char* names[] = {"etc", "passwd", "link", "x", "y", "z", "..", ".", "user.a"};
  for (int i = 0; i < 10000; ++i) {
    uint32_t opcode = number(54);
    if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INIT ||
        opcode == FUSE_DESTROY || opcode == FUSE_FSYNC || opcode == FUSE_SYNCFS || opcode == FUSE_FSYNCDIR ||
        opcode == FUSE_FALLOCATE)  // the last four take their time
      continue;
    std::string body;
    for (uint32_t words = number(12); words > 0; --words) {
      uint64_t word = number(3) == 0 ? random() : number(3) == 0 ? ~0ull : number(10);
      body += Bytes(word).substr(0, number(2) == 0 ? 4 : 8);
    }
    for (uint32_t strings = number(3); strings > 0; --strings) body += Terminated(names[number(9)]);
    ASSERT_NE(Ask(opcode, number(8), body).error, -1) << "opcode " << opcode;
  }
  EXPECT_EQ(Ask(FUSE_STATFS, kRootNode, "").error, 0);
}

TEST_F(Protocol, EndsWithTheConnection) {
  kernel_.Reset();
  server_->Wait();
  server_->Stop();
  EXPECT_GT(server_->Counters().size(), 0u);
}

}  // namespace
}  // namespace wolffia
