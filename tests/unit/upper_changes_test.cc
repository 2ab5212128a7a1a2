// FindChanges: a tree of the host stands for the mount, an index for the image, a folder for the upper.
#include "storage/upper_changes.h"

#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/process.h"
#include "tests/unit/tar_tree_text.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

// With the times of the index, which are all 1970's first second.
constexpr char kImage[] = R"(umask 022; mkdir -p m/bin m/etc/d m/var u
printf abc > m/bin/sh; printf xyz > m/bin/ls; printf 12345 > m/etc/group; printf 1 > m/etc/d/x; ln -s bin/sh m/link
find m -exec touch -hd @0 {} +)";

struct Case {
  const char* script;    // what the container did: to the mount m, and to the upper u where there is one
  const char* expected;  // sorted
  bool upper = true;     // false: as if there were none
};

TEST(UpperChanges, OfATree) {
  const Case cases[] = {
      {"", ""},
      {"", "", false},
      {"printf n > m/new; mkdir u/bin; touch u/new", "A /new"},
      {"rm m/bin/sh; mkdir u/bin; touch u/bin/sh", "C /bin D /bin/sh"},
      {"rm m/bin/sh; touch -d @0 m/bin", "C /bin D /bin/sh", false},
      {"printf abcd > m/bin/sh; mkdir u/bin; touch u/bin/sh", "C /bin/sh"},
      {"touch -d @0 m/bin/sh; mkdir u/bin; touch u/bin/sh", "C /bin/sh"},  // written, by the same bytes
      {"chmod 700 m/etc; mkdir u/etc", "C /etc"},
      {"mkdir -p m/n/s; touch m/n/s/f; mkdir -p u/n/s; touch u/n/s/f", "A /n A /n/s A /n/s/f"},
      {"rm -r m/etc; touch u/etc", "D /etc"},
      {"rm -r m/etc; touch m/etc u/etc", "C /etc"},
      {"rm m/link; mkdir m/link; touch m/link/f; mkdir u/link; touch u/link/f", "A /link/f C /link"},
      // An opaque directory and a renamed one hide what the lower has under their name.
      {"rm -r m/etc; mkdir m/etc; touch m/etc/own; cp -r m/etc u; setfattr -n user.overlay.opaque -v y u/etc",
       "A /etc/own C /etc D /etc/d D /etc/group"},
      {"mv m/etc/d m/moved; touch -d @0 m/moved; mkdir u/moved u/etc; touch u/etc/d; "
       "setfattr -n user.overlay.redirect -v /etc/d u/moved",
       "A /moved A /moved/x C /etc D /etc/d"},
      // Mount points, and directories that were only made or touched for them.
      {"touch m/etc/hosts; mkdir -p m/data/vol u/data/vol u/etc; touch u/etc/hosts", ""},
      {"touch m/etc/hosts m/etc/own; mkdir u/etc; touch u/etc/hosts u/etc/own", "A /etc/own C /etc"},
      {"touch m/etc/hosts; chmod 700 m/etc; mkdir u/etc; touch u/etc/hosts", "C /etc"},
      {"mkdir -p m/data/vol; touch m/data/f; cp -r m/data u", "A /data A /data/f"},
  };
  auto layer =
      LowerIndex::FromBytes(*LayerOfText("d ./ 755; d bin 755; f bin/sh 644 3; f bin/ls 644 3; d etc 755; d "
                                         "etc/d 755; f etc/d/x 644 1; f etc/group 644 5; "
                                         "d var 755; l link bin/sh"));
  ASSERT_TRUE(layer) << layer.error().what;
  auto lower = LowerIndex::FromBytes(*MergeLayers({&*layer}));
  ASSERT_TRUE(lower) << lower.error().what;
  const IdView ids({{getuid(), 1}}, {{getgid(), 1}});
  const std::set<std::string> made_for = {"/etc/hosts", "/data/vol"};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.script);
    TempDir top;
    auto made = RunForOutput(
        {.program = "bash", .argv = {"bash", "-ec", "cd " + top.path() + "\n" + kImage + "\n" + c.script}},
        "", 4096);
    ASSERT_TRUE(made && made->status.code == 0) << (made ? made->err : made.error().what);
    Fd root = *OpenDirectory(top.fd(), "m"), upper = *OpenDirectory(top.fd(), "u");
    std::vector<std::string> found;
    auto done = FindChanges({.root = root.get(),
                             .upper = c.upper ? upper.get() : -1,
                             .lower = *lower,
                             .ids = ids,
                             .made_for = made_for},
                            [&](ChangeKind kind, const std::string& path) -> Result<> {
                              found.push_back(std::string(1, static_cast<char>(kind)) + " " + path);
                              return {};
                            });
    ASSERT_TRUE(done) << done.error().what;
    std::ranges::sort(found);
    std::string text;
    for (const std::string& line : found) text += (text.empty() ? "" : " ") + line;
    EXPECT_EQ(text, c.expected);
  }
}

}  // namespace
}  // namespace wolffia
