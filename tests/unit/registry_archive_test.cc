// Archives and layouts: what is in them, which image is meant, and what a hostile one may not do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "engine/registry/file_tree.h"
#include "engine/registry/pull.h"
#include "storage/gc.h"
#include "tests/unit/registry_images.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CleanName, Table) {
  for (const auto& [name, clean] : std::vector<std::pair<std::string, std::string>>{{"a/b", "a/b"},
                                                                                    {"./a//b/.", "a/b"},
                                                                                    {"a/../b", "b"},
                                                                                    {"/a", "a"},
                                                                                    {"..", ""},
                                                                                    {"a/../../b", ""},
                                                                                    {"", ""},
                                                                                    {"./", ""}})
    EXPECT_EQ(CleanName(name), clean) << name;
}

class Archives : public testing::Test {
 protected:
  Archives() : store(*Store::Open({dir / "store", dir / "run", Durability::kVolatile})) {
    context.env = {{"HOME", dir / "home"}};
    context.now = [] { return int64_t{1}; };
    options.platform = *Platform::Parse("linux/amd64");
  }
  ~Archives() override { ExpectClean(); }
  void ExpectClean() {
    auto left = ListDirectory(store.root(), "tmp");
    auto findings = CheckStore(store, nullptr, [](const std::string&) {});
    ASSERT_TRUE(left && findings);
    EXPECT_THAT(*left, IsEmpty());
    for (const Finding& finding : *findings)
      EXPECT_FALSE(finding.damage) << finding.path << ": " << finding.problem;
  }
  std::string File(const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(ReplaceFileAt(AT_FDCWD, dir / name, bytes, 0600, Durability::kVolatile));
    return dir / name;
  }
  std::string Layout(const std::string& name, const std::vector<std::pair<std::string, TestImage>>& images) {
    for (const TarItem& item : LayoutFiles(images)) {
      std::string path = dir / name + "/" + item.name;
      EXPECT_TRUE(MakeDirectories(SplitPath(path).first));
      EXPECT_TRUE(ReplaceFileAt(AT_FDCWD, path, item.data, 0600, Durability::kVolatile));
    }
    return dir / name;
  }
  std::string Pull(const std::string& source) {
    auto record = PullImage(context, settings, store, source, options);
    return record ? "ok " + record->name : record.error().what;
  }
  std::string Load(const std::string& path) {
    auto records = LoadArchive(context, settings, store, path, options);
    if (!records) return records.error().what;
    std::string names = "ok";
    for (const ImageRecord& record : *records) names += " " + (record.name.empty() ? "-" : record.name);
    return names;
  }
  TempDir dir;
  Store store;
  Context context;
  Settings settings;
  PullOptions options;
};

TestImage Image(const std::string& file) {
  return MakeImage({MakeTar({{file, file}}), MakeTar({{"zstd", "layer"}})});
}

TEST_F(Archives, OciLayouts) {
  std::string one = Layout("one", {{"app:1", Image("a")}});
  std::string two =
      Layout("two", {{"app:1", Image("a")}, {"docker.io/library/b:2", Image("b")}, {"", Image("c")}});
  EXPECT_EQ(Pull("oci:" + one), "ok localhost/app:1");
  EXPECT_EQ(Pull("oci:" + one + ":app:1"), "ok localhost/app:1");
  EXPECT_THAT(Pull("oci:" + one + ":app:2"), HasSubstr("there is: app:1"));
  EXPECT_THAT(Pull("oci:" + two), HasSubstr("several images"));
  EXPECT_EQ(Pull("oci:" + two + ":docker.io/library/b:2"), "ok docker.io/library/b:2");
  EXPECT_EQ(Pull("oci:" + two + ":" + Image("c").Name()), "ok ");
  EXPECT_EQ(Load(two), "ok - localhost/app:1 docker.io/library/b:2");
  EXPECT_THAT(Pull("oci:" + dir.path() + "/missing"), HasSubstr("missing"));
  ASSERT_TRUE(MakeDirectories(dir / "none"));
  EXPECT_THAT(Pull("oci:" + (dir / "none")), HasSubstr("oci-layout"));
  // A blob that lies elsewhere, is a pipe, or has other bytes.
  std::string blob = one + "/blobs/sha256/" + Image("a").layers[0].digest.hex();
  ASSERT_EQ(unlink(blob.c_str()), 0);
  TestImage fresh = MakeImage({MakeTar({{"fresh", "x"}})});
  std::string bad = Layout("bad", {{"x", fresh}});
  std::string fresh_blob = bad + "/blobs/sha256/" + fresh.layers[0].digest.hex();
  ASSERT_EQ(unlink(fresh_blob.c_str()), 0);
  EXPECT_THAT(Pull("oci:" + bad), HasSubstr("No such file"));
  ASSERT_EQ(mkfifo(fresh_blob.c_str(), 0600), 0);
  EXPECT_THAT(Pull("oci:" + bad), HasSubstr("no regular file"));
  ASSERT_EQ(unlink(fresh_blob.c_str()), 0);
  File("secret", fresh.blobs[fresh.layers[0].digest.str()]);
  ASSERT_EQ(symlink((dir / "secret").c_str(), fresh_blob.c_str()), 0);
  EXPECT_THAT(Pull("oci:" + bad), HasSubstr("No such file"));
  ASSERT_EQ(unlink(fresh_blob.c_str()), 0);
  std::string changed = fresh.blobs[fresh.layers[0].digest.str()];
  changed.back() ^= 1;
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, fresh_blob, changed, 0600));
  EXPECT_NE(Pull("oci:" + bad).substr(0, 2), "ok");
}

TEST_F(Archives, OciArchivesOfAnyCompression) {
  std::string tar = MakeTar(LayoutFiles({{"app:1", Image("a")}}));
  for (const std::string& bytes :
       {tar, Gzip(tar), Zstd(tar), Gzip(tar.substr(0, 1000)) + Gzip(tar.substr(1000))}) {
    std::string file = File("archive", bytes);
    EXPECT_EQ(Pull("oci-archive:" + file), "ok localhost/app:1");
    EXPECT_EQ(Pull("oci-archive:" + file + ":app:1"), "ok localhost/app:1");
    EXPECT_EQ(Load(file), "ok localhost/app:1");
  }
  std::vector<TarItem> dotted = LayoutFiles({{"app:1", Image("a")}});
  for (TarItem& item : dotted) item.name = "./" + item.name;
  EXPECT_EQ(Load(File("dotted", MakeTar(dotted))), "ok localhost/app:1");
  EXPECT_THAT(Load(File("xz", std::string("\xfd\x37\x7a\x58\x5a\x00", 6))), HasSubstr("xz"));
  EXPECT_THAT(Load(File("cut", Gzip(tar).substr(0, 700))), HasSubstr("truncated"));
  EXPECT_THAT(Load(File("cut", tar.substr(0, tar.size() / 2))), HasSubstr("archive"));
  EXPECT_NE(Load(File("text", "this is a text\n")).substr(0, 2), "ok");
  EXPECT_NE(Load(File("empty", "")).substr(0, 2), "ok");
  EXPECT_THAT(Load(File("other", MakeTar({{"a", "b"}}))), HasSubstr("no image archive"));
  settings.max_layer_size = 10'000;
  EXPECT_THAT(Load(File("bomb", Gzip(std::string(1 << 20, '\0')))), HasSubstr("pull.max_layer_size"));
}

TEST_F(Archives, StandardInput) {
  std::string file = File("archive", Gzip(MakeTar(LayoutFiles({{"app:1", Image("a")}}))));
  int saved = dup(0);
  Fd input = *Open(file, O_RDONLY);
  ASSERT_EQ(dup2(input.get(), 0), 0);
  EXPECT_EQ(Load("-"), "ok localhost/app:1");
  dup2(saved, 0);
  close(saved);
}

// What `docker save` writes: layers in directories, later ones perhaps as links to the same file.
std::vector<TarItem> DockerFiles(const std::string& manifest, const std::string& config,
                                 const std::vector<TarItem>& layers) {
  std::vector<TarItem> files = layers;
  files.push_back({"cfg.json", config});
  files.push_back({"manifest.json", manifest});
  return files;
}

TEST_F(Archives, DockerArchives) {
  const std::string a = MakeTar({{"a", "1"}}), b = MakeTar({{"b", "2"}});
  const std::string config = MakeConfig({Sha256Of(a), Sha256Of(b), Sha256Of(a)}, "amd64");
  const std::string manifest =
      R"([{"Config":"cfg.json","RepoTags":["app:1","example.com/team/app:2"],"Layers":["1/layer.tar","2/layer.tar","3/layer.tar"]}])";
  // The third layer is the first again and is not read, so what is odd is the first.
  const TarItem second{"2/layer.tar", b}, third{"3/layer.tar", a};
  const std::string loaded = "ok docker.io/library/app:1 example.com/team/app:2";
  auto link = [](char type, const char* target) { return TarItem{"1/layer.tar", "", type, target}; };
  struct Case {
    const char* name;
    std::vector<TarItem> layers;
    std::string expected;
  };
  for (const Case& test : std::vector<Case>{
           {"three files", {{"1/layer.tar", a}, second, third}, loaded},
           {"symlink", {link('2', "../3/layer.tar"), second, third}, loaded},
           {"hard link", {third, link('1', "3/layer.tar"), second}, loaded},
           {"compressed", {{"1/layer.tar", Gzip(a)}, {"2/layer.tar", Zstd(b)}}, loaded},
           {"missing", {second, third}, "no file \"1/layer.tar\""},
           {"link out", {link('2', "../../../etc/passwd"), second, third}, "regular file"},
           {"absolute link", {link('2', "/3/layer.tar"), second, third}, "regular file"},
           {"loop", {link('2', "layer.tar"), second, third}, "loop"},
           {"directory", {link('5', ""), second, third}, "regular file"},
           {"other content", {{"1/layer.tar", b}, second, third}, "layer sha256:"},
       }) {
    // Each from an empty store, or what is there already would not be read.
    auto images = ImageStore(store).List();
    for (const ImageRecord& record : *images) ASSERT_TRUE(ImageStore(store).RemoveName(record, false));
    ASSERT_TRUE(CollectGarbage(store));
    std::string file = File("docker.tar", MakeTar(DockerFiles(manifest, config, test.layers)));
    EXPECT_THAT(Load(file), HasSubstr(test.expected)) << test.name;
    EXPECT_THAT(Load(File("docker.tar.gz", Gzip(*ReadFile(file, 1 << 20)))), HasSubstr(test.expected))
        << test.name;
  }
  std::string file =
      File("docker.tar",
           MakeTar(DockerFiles(manifest, config,
                               {{"1/layer.tar", Gzip(a)}, {"2/layer.tar", Zstd(b)}, {"3/layer.tar", a}})));
  EXPECT_EQ(Pull("docker-archive:" + file), "ok docker.io/library/app:1");
  EXPECT_EQ(Pull("docker-archive:" + file + ":example.com/team/app:2"), "ok example.com/team/app:2");
  EXPECT_THAT(Pull("docker-archive:" + file + ":nothing"), HasSubstr("there is: docker.io/library/app:1"));
  auto images = ImageStore(store).List();
  ASSERT_EQ(images->size(), 2u);
  EXPECT_EQ((*images)[0].diff_ids, (std::vector<Digest>{Sha256Of(a), Sha256Of(b), Sha256Of(a)}));
  EXPECT_EQ(Sha256Of(*BlobStore(store).Read((*images)[0].manifest)), (*images)[0].manifest);
}

TEST_F(Archives, HostileDockerManifests) {
  const std::string a = MakeTar({{"a", "1"}}), config = MakeConfig({Sha256Of(a)}, "amd64");
  for (const char* manifest :
       {"", "{}", "[]", "[{}]", R"([{"Config":"../cfg.json","Layers":["l"]}])",
        R"([{"Config":"cfg.json","Layers":[]}])", R"([{"Config":"l","Layers":["l"]}])",
        R"([{"Config":"cfg.json","Layers":["l","l"]}])", R"([{"Config":"cfg.json","Layers":["../l"]}])",
        R"([{"Config":7,"Layers":["l"]}])"})
    EXPECT_NE(Load(File("docker.tar", MakeTar(DockerFiles(manifest, config, {{"l", a}})))).substr(0, 2), "ok")
        << manifest;
  // A name that is none leaves a nameless image.
  EXPECT_EQ(Load(File("docker.tar",
                      MakeTar(DockerFiles(R"([{"Config":"cfg.json","RepoTags":["../../x"],"Layers":["l"]}])",
                                          config, {{"l", a}})))),
            "ok -");
}

TEST_F(Archives, BuiltInNames) {
  for (const char* name :
       {"nothing-of-that-name", "../busybox", "a/b", "busybox:12", "docker.io/busybox", ""})
    EXPECT_EQ(LoadBuiltIn(context, settings, store, name, {}).error().code, Code::kNotFound) << name;
}

TEST_F(Archives, OtherTransports) {
  for (const char* source : {"dir:/tmp/x", "containers-storage:x", "docker-daemon:x:y"})
    EXPECT_THAT(Pull(source), HasSubstr("is not supported")) << source;
}

}  // namespace
}  // namespace wolffia
