// overlay_bench TAR TREE [ROUNDS]: the FUSE lower with the kernel's overlayfs on it, against the kernel's
// overlayfs on TREE, which is TAR unpacked; as an ordinary user, in alternating pairs. Prints medians and
// ratios; then what opening the index and serving cost this process. Mounts are fresh in each round: "first"
// has no cached names, "again" has.
#include <dirent.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>

#include "storage/overlay/index_builder.h"
#include "storage/tar_reader.h"
#include "tests/integration/overlay_mount.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

double Now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What a walk does to each entry; files are read in the order of the directories, as tar and grep do.
enum class Visit { kStat, kRead };

void Walk(int dirfd, Visit visit, char* buffer, size_t size) {
  DIR* dir = fdopendir(dirfd);
  while (dirent* d = readdir(dir)) {
    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
    struct stat st;
    if (fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(st.st_mode)) {
      int child = openat(dirfd, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (child >= 0) Walk(child, visit, buffer, size);
    } else if (visit == Visit::kRead && S_ISREG(st.st_mode)) {
      int file = openat(dirfd, d->d_name, O_RDONLY | O_CLOEXEC);
      while (read(file, buffer, size) > 0) {
      }
      close(file);
    }
  }
  closedir(dir);
}

double TimeOf(const std::string& root, Visit visit) {
  static char buffer[128 << 10];
  double start = Now();
  int fd = open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Walk(fd, visit, buffer, sizeof buffer);
  return Now() - start;
}

std::string MountOverlay(const std::string& lower, const TempDir& dir, const std::string& name) {
  std::string root = dir / name;
  for (const char* part : {"", "/root", "/upper", "/work"}) mkdir((root + part).c_str(), 0755);
  std::string options =
      "userxattr,lowerdir=" + lower + ",upperdir=" + root + "/upper,workdir=" + root + "/work";
  if (mount("overlay", (root + "/root").c_str(), "overlay", 0, options.c_str()) != 0) perror("mount overlay");
  return root + "/root";
}

std::string Measure(const std::string& root) {
  std::string line;
  for (Visit visit : {Visit::kStat, Visit::kRead})
    for (int again = 0; again < 2; ++again) line += std::to_string(TimeOf(root, visit)) + " ";
  return line;
}

std::string IndexOf(const std::string& tar) {
  IndexBuilder builder;
  TarReader reader([&](LayerEntry entry) { return builder.Add(std::move(entry)); });
  auto fd = Open(tar, O_RDONLY);
  std::string buffer(1 << 20, '\0');
  for (;;) {
    auto n = ReadFull(fd->get(), buffer.data(), buffer.size());
    if (!n || *n == 0) break;
    if (auto pushed = reader.Push({buffer.data(), *n}); !pushed)
      std::printf("%s\n", pushed.error().what.c_str());
  }
  (void)reader.Finish();
  return *builder.Finish();
}

long ResidentKiB() {
  auto text = ReadFile("/proc/self/statm", 1000);
  long total = 0, resident = 0;
  std::sscanf(text->c_str(), "%ld %ld", &total, &resident);
  return resident * 4;
}

using Rows = std::map<std::string, std::vector<std::vector<double>>>;

void Record(Rows& rows, const std::string& name, const std::string& line) {
  std::vector<double> values(4);
  std::sscanf(line.c_str(), "report: %lf %lf %lf %lf", &values[0], &values[1], &values[2], &values[3]);
  rows[name].push_back(values);
}

double Median(Rows& rows, const std::string& name, size_t column) {
  std::vector<double> values;
  for (auto& row : rows[name]) values.push_back(row[column]);
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int Main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::string tar = argv[1], tree = argv[2];
  int rounds = argc > 3 ? atoi(argv[3]) : 5;
  TempDir dir;
  (void)CreateFileAt(dir.fd(), "x.idx", IndexOf(tar), 0600);
  (void)mkdir((dir / "mnt").c_str(), 0755);
  for (IndexCheck check : {IndexCheck::kBounds, IndexCheck::kFull}) {
    double start = Now();
    for (int i = 0; i < 100; ++i) (void)LowerIndex::Open(dir.fd(), "x.idx", check);
    std::printf("open index, %s: %.3f ms\n", check == IndexCheck::kFull ? "full check" : "bounds",
                (Now() - start) / 100);
  }
  Rows rows;
  std::vector<FuseCounter> counters;
  long resident = 0;
  for (int round = 0; round < rounds; ++round) {
    auto open_lower = [&] {
      std::vector<Fd> tars;
      tars.push_back(std::move(*Open(tar, O_RDONLY)));
      return std::make_shared<const Lower>(
          std::move(*LowerIndex::Open(dir.fd(), "x.idx", IndexCheck::kBounds)), std::move(tars));
    };
    Served layered =
        ServeInNamespace(open_lower(), IdView({{0, 1}}, {{0, 1}}), dir / "mnt",
                         [&](const std::string& mnt, int) { return Measure(MountOverlay(mnt, dir, "l")); });
    resident = std::max(resident, ResidentKiB());
    Served bare = ServeInNamespace(open_lower(), IdView({{0, 1}}, {{0, 1}}), dir / "mnt",
                                   [&](const std::string& mnt, int) { return Measure(mnt); });
    Served kernel = ServeInNamespace(open_lower(), {}, dir / "mnt", [&](const std::string&, int) {
      return Measure(MountOverlay(tree, dir, "k"));
    });
    Record(rows, "layered", layered.report);
    Record(rows, "bare FUSE", bare.report);
    Record(rows, "kernel", kernel.report);
    counters = layered.counters;
  }
  const char* const columns[] = {"walk first", "walk again", "read first", "read again"};
  std::printf("%-12s %10s %10s %10s %14s %14s\n", "ms", "kernel", "layered", "bare FUSE", "layered/kernel",
              "bare/kernel");
  for (size_t c = 0; c < 4; ++c) {
    double kernel = Median(rows, "kernel", c), layered = Median(rows, "layered", c),
           bare = Median(rows, "bare FUSE", c);
    std::printf("%-12s %10.1f %10.1f %10.1f %14.2f %14.2f\n", columns[c], kernel, layered, bare,
                layered / kernel, bare / kernel);
  }
  std::printf("requests:");
  for (auto& c : counters) std::printf(" %s %lu", c.operation.c_str(), static_cast<unsigned long>(c.count));
  std::printf("\nresident after a layered round (this program and its parsed index included): %ld KiB\n",
              resident);
  return 0;
}

}  // namespace
}  // namespace wolffia

int main(int argc, char** argv) {
  return wolffia::Main(argc, argv);
}
