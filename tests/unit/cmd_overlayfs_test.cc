// The command line of wolffia-overlayfs: what is taken apart how, and what is refused with which sentence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <fstream>
#include <sstream>

#include "cmd/overlayfs_mount.h"
#include "cmd/overlayfs_options.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<OverlayfsOptions> Parse(const std::string& options, bool root = true) {
  return ParseOverlayfsOptions({"-o", options, "/m"}, root);
}

OverlayfsOptions Parsed(const std::string& options, bool root = true) {
  auto parsed = Parse(options, root);
  EXPECT_TRUE(parsed) << options << ": " << (parsed ? "" : parsed.error().what);
  return parsed ? *std::move(parsed) : OverlayfsOptions();
}

TEST(OverlayfsOptions, SplitsPaths) {
  auto options = Parsed("lowerdir=/a:b\\:c:/d\\,e:f\\\\:g,upperdir=u\\:1\\,2,workdir=w");
  EXPECT_THAT(options.lower, ElementsAre("/a", "b:c", "/d,e", "f:g"));
  EXPECT_EQ(options.upper, "u:1,2");
  EXPECT_EQ(options.work, "w");
  EXPECT_EQ(options.mountpoint, "/m");
  EXPECT_EQ(options.flags, static_cast<unsigned long>(MS_NOATIME));
}

TEST(OverlayfsOptions, ReadsArguments) {
  auto options = *ParseOverlayfsOptions({"-f", "-olowerdir=/a", "-o", "ro,nodev", "from", "--", "-m"}, true);
  EXPECT_TRUE(options.foreground);
  EXPECT_EQ(options.source, "from");
  EXPECT_EQ(options.mountpoint, "-m");
  EXPECT_EQ(options.flags, static_cast<unsigned long>(MS_NOATIME | MS_RDONLY | MS_NODEV));
  EXPECT_TRUE(ParseOverlayfsOptions({"-h"}, false)->help);
  EXPECT_TRUE(ParseOverlayfsOptions({"--version"}, false)->version);
  EXPECT_TRUE(ParseOverlayfsOptions({"-d", "-o", "lowerdir=/a", "/m"}, false)->foreground);
}

TEST(OverlayfsOptions, SetsWhatIsAsked) {
  auto options = Parsed(
      "lowerdir=/a,upperdir=/u,workdir=/"
      "w,timeout=1.5,threaded=0,fsync=0,writeback=1,noxattrs=1,noacl,static_nlink,"
      "redirect_dir=off,xattr_permissions=2,suid,dev,rw,fsname=x,subtype=y,max_read=65536,context=\"a:b,c\"");
  EXPECT_EQ(options.timeout, 1.5);
  EXPECT_FALSE(options.threaded);
  EXPECT_FALSE(options.durable);
  EXPECT_TRUE(options.writeback);
  EXPECT_FALSE(options.xattrs);
  EXPECT_FALSE(options.acl);
  EXPECT_TRUE(options.static_nlink);
  EXPECT_FALSE(options.redirects);
  EXPECT_EQ(options.ids, UpperIds::kOverride);
  EXPECT_EQ(KernelMountData(options), "default_permissions,allow_other,max_read=65536,context=\"a:b,c\"");
  EXPECT_FALSE(Parsed("lowerdir=/a,volatile").durable);
  EXPECT_FALSE(Parsed("lowerdir=/a,sync=0").durable);
  EXPECT_NE(Parsed("lowerdir=/a,sync").flags & MS_SYNCHRONOUS, 0ul);
  EXPECT_NE(Parsed("lowerdir=/a").flags & MS_RDONLY, 0ul);
  EXPECT_EQ(
      FusermountOptions(Parsed("lowerdir=/a,nosuid,auto_unmount,allow_other,fsname=x", false)),
      "default_permissions,allow_other,ro,nosuid,noatime,auto_unmount,fsname=x,subtype=wolffia-overlayfs");
}

TEST(OverlayfsOptions, MapsOwners) {
  auto owners = Parsed("lowerdir=/a,uidmapping=0:1000:1:1:110000:65536,squash_to_gid=7").owners;
  EXPECT_EQ(owners.users.Shown(0), 1000u);
  EXPECT_EQ(owners.users.Shown(2), 110001u);
  EXPECT_EQ(owners.users.Shown(70000), OwnerMap::kOverflow);
  EXPECT_EQ(owners.users.Disk(1000), 0u);
  EXPECT_EQ(owners.users.Disk(5), std::nullopt);
  EXPECT_EQ(owners.groups.Shown(5), 7u);
  EXPECT_EQ(owners.groups.Disk(7), std::nullopt);
  EXPECT_EQ(Parsed("lowerdir=/a,squash_to_root,squash_to_uid=3").owners.users.Shown(9), 3u);
  EXPECT_EQ(Parsed("lowerdir=/a,squash_to_root,squash_to_uid=3").owners.groups.Shown(9), 0u);
  EXPECT_TRUE(Parsed("lowerdir=/a").owners.identity());
}

TEST(OverlayfsOptions, RefusesWithASentence) {
  struct Case {
    const char* options;
    const char* sentence;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"upperdir=/u,workdir=/w", "no lower directory given"},
           {"lowerdir=/a,upperdir=/u", "upperdir needs a workdir"},
           {"lowerdir=/a,workdir=/w", "workdir without upperdir"},
           {"lowerdir=/a::/b", "one of the directories has no name"},
           {"lowerdir=//plugin/x/y", "plugins are not supported"},
           {"lowerdir", "needs a value"},
           {"lowerdir=/a,ro=1", "option ro: unknown"},
           {"lowerdir=/a,volatile=1", "takes no value"},
           {"lowerdir=/a,plugins=x.so", "plugins are not supported"},
           {"lowerdir=/a,nosuch", "option nosuch: unknown"},
           {"lowerdir=/a,timeout=-1", "no number of seconds"},
           {"lowerdir=/a,timeout=inf", "no number of seconds"},
           {"lowerdir=/a,threaded=2", "must be 0 or 1"},
           {"lowerdir=/a,uidmapping=0:1", "DISK:SHOWN:COUNT"},
           {"lowerdir=/a,uidmapping=0:x:1", "'x' is no id"},
           {"lowerdir=/a,gidmapping=0:4294967295:1", "ends below 4294967295"},
           {"lowerdir=/a,squash_to_uid=-1", "'-1' is no id"},
           {"lowerdir=/a,xattr_permissions=1", "use 2"},
           {"lowerdir=/a,redirect_dir=nofollow", "always followed"},
           {"lowerdir=/a,allow_root", "use allow_other"},
           {"lowerdir=/a,max_read=1", "4096 or more"},
           {"lowerdir=/a,auto_unmount", "needs allow_other"},
           {"lowerdir=/a,fsname=a\\,b", "without comma"},
           {"lowerdir=/a,default_permissions=0", "cannot be switched off"},
       }) {
    auto parsed = Parse(c.options, false);
    ASSERT_FALSE(parsed) << c.options;
    EXPECT_THAT(parsed.error().what, HasSubstr(c.sentence)) << c.options;
  }
  EXPECT_THAT(ParseOverlayfsOptions({"-x", "/m"}, true).error().what, HasSubstr("unknown option -x"));
  EXPECT_THAT(ParseOverlayfsOptions({"-o", "lowerdir=/a"}, true).error().what, HasSubstr("no mount point"));
  EXPECT_THAT(ParseOverlayfsOptions({"/m", "-o"}, true).error().what, HasSubstr("-o needs options"));
}

// Every option is on the manual page, those that are refused too.
TEST(OverlayfsOptions, AreOnTheManualPage) {
  std::ifstream file(WOLFFIA_MAN_DIR "/wolffia-overlayfs.1.md");
  std::stringstream page;
  page << file.rdbuf();
  for (const std::string& name : OverlayfsOptionNames())
    EXPECT_THAT(page.str(), HasSubstr("**" + name + "**")) << name;
}

}  // namespace
}  // namespace wolffia
